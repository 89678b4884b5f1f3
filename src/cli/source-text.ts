import type { EngineError } from '../errors/engine-error.ts';
import type { ListedContainer, ListedImage, RootListing, RootSource } from '../formats/docker-root/root-listing.ts';
import { type ImageSource, type ModernImage, type SourceItem } from '../image/image-source.ts';
import { isPending } from '../image/pending-blob.ts';
import { formatPlatform } from '../image/platform.ts';
import { humanSize } from '../reporting/human-size.ts';
import { subjectOf } from '../image/subject-tag.ts';
import { printable } from '../reporting/printable.ts';
import { shortId, table } from './terminal.ts';

/** What `inspect` tells of one thing in a source; plain data. */
export interface SourceLine {
  kind: SourceItem['kind'];
  ref: string;
  names: readonly string[];
  platform: string | null;
  configDigest: string | null;
  manifestDigest: string | null;
  mediaType: string | null;
  /** Base first; sizes in bytes as they are stored, null where nobody says. */
  layers: { diffId: string | null; digest: string | null; size: number | null; mediaType: string | null }[];
  /** Of an index: what it lists. */
  members?: { digest: string; platform: string | null; configDigest: string | null }[];
  /** Of an artifact: the manifest that it refers to, and what it is. */
  subject?: string | null;
  artifactType?: string | null;
  /** The config of a content-addressed image, the JSON of an older one. */
  config?: unknown;
}

const EMPTY = { platform: null, configDigest: null, manifestDigest: null, mediaType: null, layers: [] };

/** Tells of everything but what is broken: that is an error, and told as one. */
export function lineOfItem(item: Exclude<SourceItem, { kind: 'broken' }>): SourceLine {
  switch (item.kind) {
    case 'modern':
      return modernLine(item);
    case 'legacy': {
      const { kind, ref, names, chain } = item;
      const layers = chain.map(({ layer }) => layerLine(null, layer, null));
      return { ...EMPTY, kind, ref, names, layers, config: JSON.parse(chain.at(-1)!.json.toString('utf8')) };
    }
    case 'index': {
      const { kind, ref, names, digest, mediaType } = item;
      const members = item.members.map((member) => ({
        digest: member.digest,
        platform: member.platform === null ? null : formatPlatform(member.platform),
        configDigest: member.configDigest,
      }));
      return { ...EMPTY, kind, ref, names, manifestDigest: digest, mediaType, members };
    }
    case 'artifact': {
      const { kind, ref, digest, mediaType, artifactType, blobs } = item;
      const layers = blobs.map((blob) => layerLine(null, blob, null));
      const subject = subjectOf(item);
      return { ...EMPTY, kind, ref, names: [], manifestDigest: digest, mediaType, layers, subject, artifactType };
    }
  }
}

function modernLine(image: ModernImage): SourceLine {
  const { kind, ref, names, platform, configDigest, manifest, layers, config } = image;
  return {
    kind,
    ref,
    names,
    platform: platform === null ? null : formatPlatform(platform),
    configDigest,
    manifestDigest: manifest?.digest ?? null,
    mediaType: manifest?.mediaType ?? null,
    layers: layers.map(({ diffId, blob, mediaType }) => layerLine(diffId, blob, mediaType)),
    config: JSON.parse(config.toString('utf8')),
  };
}

function layerLine(
  diffId: string | null,
  blob: ModernImage['layers'][number]['blob'],
  mediaType: string | null,
): SourceLine['layers'][number] {
  const size = blob.size ?? (isPending(blob) ? undefined : blob.length) ?? null;
  return { diffId, digest: blob.digest ?? null, size, mediaType };
}

const HEADS: Partial<Record<SourceLine['kind'], string>> = { index: 'Index', artifact: 'Artifact' };

export function textOfLine(line: SourceLine): string {
  const facts: [string, string | null][] = [
    [HEADS[line.kind] ?? 'Image', line.ref],
    ['Names', line.names.filter((name) => name !== line.ref).join(', ') || null],
    ['Platform', line.platform],
    ['Manifest', line.manifestDigest],
    ['Config', line.configDigest],
    ['Type', line.artifactType ?? line.mediaType],
    ['Refers to', line.subject ?? null],
  ];
  const text = facts.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(10)}${printable(value)}`]));
  if (line.members !== undefined) {
    const rows = line.members.map(({ platform, digest }) => [platform ?? '', digest]);
    return [...text, '', table([{ title: 'PLATFORM' }, { title: 'MANIFEST' }], rows)].join('\n');
  }
  if (line.layers.length === 0) return text.join('\n');
  const rows = line.layers.map(({ diffId, digest, size }) => [
    diffId ?? '',
    digest === null || digest === diffId ? '' : shortId(digest.replace(/^sha\d+:/, '')),
    size === null ? '' : humanSize(size),
  ]);
  const columns = [{ title: 'DIFF ID' }, { title: 'BLOB' }, { title: 'SIZE', align: 'right' }] as const;
  return [...text, '', table(columns, rows)].join('\n');
}

/** A data directory of a container engine can tell what it holds without reading a layer. */
export function isRoot(source: ImageSource): source is RootSource {
  return 'listing' in source;
}

/** The listing for people; errors are told apart. */
export function textOfListing(listing: RootListing): string {
  const { kind, path, driver, images, containers } = listing;
  const columns = [
    { title: 'NAME' },
    { title: 'IMAGE ID' },
    { title: 'LAYERS', align: 'right' },
    { title: 'SIZE', align: 'right' },
    { title: 'STATE' },
  ] as const;
  const parts = [`${KINDS[kind]} in ${printable(path)}, driver ${printable(driver)}`];
  parts.push(images.length === 0 ? 'No images.' : table(columns, images.flatMap(imageRows)));
  if (containers.length > 0) {
    const heads = [{ title: 'CONTAINER' }, { title: 'ID' }, { title: 'IMAGE ID' }, { title: 'STATE' }];
    parts.push(table(heads, containers.map(containerRow)));
  }
  return parts.join('\n\n');
}

const KINDS: Readonly<Record<RootListing['kind'], string>> = {
  'docker-v1': 'Images of Docker 1.9 or older',
  docker: 'Images of Docker',
  containerd: 'Images of containerd',
  containers: 'Images of podman, buildah or CRI-O',
};

function imageRows(image: ListedImage): string[][] {
  const names = image.names.length === 0 ? ['<none>'] : image.names;
  const id = shortId(image.id.replace(/^sha\d+:/, ''));
  const size = image.size === null ? '' : humanSize(image.size);
  return names.map((name) => [printable(name), id, String(image.layers.length), size, stateOf(image)]);
}

function stateOf({ damaged, layers }: ListedImage): string {
  if (damaged !== null) return `damaged: ${damaged.code}`;
  const states = new Set(layers.map(({ state }) => state));
  if (states.has('missing')) return 'damaged: layers are missing';
  if (states.has('unmounted')) return 'not mounted';
  return states.has('rebuilt') ? 'complete; layers are rebuilt' : 'complete';
}

function containerRow({ name, id, image, running }: ListedContainer): string[] {
  return [printable(name), shortId(id), shortId(image.replace(/^sha\d+:/, '')), running ? 'running' : 'stopped'];
}

/** A listing as JSON: errors as they are printed elsewhere. */
export function listingJson(listing: RootListing): object {
  return { ...listing, images: listing.images.map((image) => ({ ...image, damaged: errorJson(image.damaged) })) };
}

function errorJson(error: EngineError | null): object | null {
  return error === null ? null : { code: error.code, message: error.message, details: error.details };
}
