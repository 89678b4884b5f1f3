import { engineError } from '../../errors/kinds.ts';
import { isDigest } from '../../identity/digest.ts';
import { type ArchiveImage, decodeArchiveManifest } from '../../image/archive-documents.ts';
import { decodeConfig } from '../../image/decode-config.ts';
import type { ImageConfig } from '../../image/image-config.ts';
import type { ModernImage, SourceItem, SourceLayer } from '../../image/image-source.ts';
import { verifyBlob } from '../../image/manifest.ts';
import type { PendingBlob } from '../../image/pending-blob.ts';
import { familiarReference } from '../../identity/reference.ts';
import type { BlobRef } from '../../streams/blob-ref.ts';
import { type ArchiveFile, readPlain } from '../archive-file.ts';
import { brokenImage, faultyBlob } from '../broken.ts';
import type { FormatContext } from '../context.ts';
import { memberInvalid } from '../members.ts';
import { taggedName } from '../names.ts';
import type { Selection } from '../selection.ts';

/** The images that `manifest.json` lists, in its order. */
export async function* readListedImages(
  archive: ArchiveFile,
  selection: Selection | null,
  context: FormatContext,
): AsyncGenerator<SourceItem> {
  const raw = await readPlain(archive, 'manifest.json');
  const listed = decodeArchiveManifest(raw ?? Buffer.alloc(0), context.documents);
  for (const [place, image] of listed.entries()) {
    const [first] = image.repoTags;
    const ref = first === undefined ? `@${place}` : familiarReference(first);
    let names: string[] | null = null;
    try {
      names = chosenNames(image, place, selection);
      if (names !== null) yield await readImage(archive, image, ref, names, context);
    } catch (error) {
      yield brokenImage(ref, error, { names: names ?? [] });
    }
  }
}

/** The names to give the image; null when another image was asked for. */
function chosenNames(image: ArchiveImage, place: number, selection: Selection | null): string[] | null {
  if (selection !== null && 'place' in selection)
    return place === selection.place ? image.repoTags.map(taggedName) : null;
  if (selection === null) return image.repoTags.map(taggedName);
  const { text, name } = selection;
  const asked = image.repoTags.filter((tag) => tag === text).map(taggedName);
  if (asked.length > 0) return asked;
  return name !== null && image.repoTags.some((tag) => isCalled(tag, name)) ? [name] : null;
}

/** A tag that is no name is not what was asked for, whatever else is wrong with it. */
function isCalled(tag: string, name: string): boolean {
  try {
    return taggedName(tag) === name;
  } catch {
    return false;
  }
}

async function readImage(
  archive: ArchiveFile,
  image: ArchiveImage,
  ref: string,
  names: string[],
  context: FormatContext,
): Promise<ModernImage> {
  const config = await readConfig(archive, image.config, context);
  if (config.diffIds.length !== image.layers.length) {
    throw engineError(
      'CONFIG_INVALID',
      `manifest.json lists ${image.layers.length} layers of ${JSON.stringify(ref)}, its config ${config.diffIds.length}`,
      { what: 'the layers of the image config' },
    );
  }
  const layers = config.diffIds.map((diffId, index): SourceLayer => {
    const blob = locateLayer(archive, image.layers[index]!, context);
    return { diffId, blob, mediaType: null };
  });
  const { digest: configDigest, platform, warnings, raw } = config;
  return { kind: 'modern', ref, names, config: raw, configDigest, platform, layers, manifest: null, warnings };
}

async function readConfig(archive: ArchiveFile, name: string, context: FormatContext): Promise<ImageConfig> {
  const member = archive.members.file(name);
  if (member === undefined) throw memberInvalid(name, 'it is named as a config, but is not in the archive');
  const raw = await archive.read(member, 'the image config');
  // Where the name is a digest (Docker, kaniko, an OCI layout), it is a promise like any other.
  const hex = /(?:^|[/:])([a-f0-9]{64})(?:\.json)?$/.exec(name)?.[1];
  if (hex !== undefined) verifyBlob(raw, { digest: `sha256:${hex}` }, 'the image config');
  return decodeConfig(raw, context.documents);
}

function locateLayer(archive: ArchiveFile, name: string, { allFaults }: FormatContext): BlobRef | PendingBlob {
  try {
    return findLayer(archive, name);
  } catch (error) {
    if (allFaults === true) return faultyBlob(null, error);
    throw error;
  }
}

function findLayer(archive: ArchiveFile, name: string): BlobRef {
  const member = archive.members.file(name);
  if (member === undefined) throw memberInvalid(name, 'it is named as a layer, but is not in the archive');
  const blob = archive.blob(member);
  const digest = /(?:^|\/)blobs\/(sha256|sha512)\/([a-f0-9]+)$/.exec(name);
  const promised = digest === null ? '' : `${digest[1]}:${digest[2]}`;
  return isDigest(promised) ? { ...blob, digest: promised, size: member.size } : blob;
}
