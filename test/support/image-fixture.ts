import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { profileFor, sequentialEncoder } from '../../src/compression/codecs.ts';
import type { OutputCompression } from '../../src/compression/codec.ts';
import { type Digest, digestHex, sha256Digest } from '../../src/identity/digest.ts';
import { dir, file, symlink, tar } from './tar-fixture.ts';

/**
 * Small images made by hand, without the code under test: layers, images of them, and the files of the archives and
 * layouts that hold such images.
 */

export interface FixtureLayer {
  tar: Buffer;
  /** The bytes as they are stored. */
  stored: Buffer;
  diffId: Digest;
  digest: Digest;
  compression: OutputCompression;
}

export interface FixtureImage {
  config: Buffer;
  configDigest: Digest;
  layers: FixtureLayer[];
  names: string[];
}

/** Files of an archive or a directory by path; null is a directory, a string a symbolic link. */
export type FixtureFiles = Map<string, Buffer | string | null>;

/** A layer with the files given; the same files give the same bytes. */
export function fixtureLayer(files: Record<string, string>, compression: OutputCompression = 'none'): FixtureLayer {
  const bytes = tar(Object.entries(files).map(([name, content]) => file(name, content)));
  return packedLayer(bytes, compression);
}

export function packedLayer(bytes: Buffer, compression: OutputCompression = 'none'): FixtureLayer {
  const stored = pack(bytes, compression);
  return { tar: bytes, stored, diffId: sha256Digest(bytes), digest: sha256Digest(stored), compression };
}

export function pack(bytes: Buffer, compression: OutputCompression): Buffer {
  if (compression === 'none') return bytes;
  const chunks: Buffer[] = [];
  const encoder = sequentialEncoder(profileFor({ compression }), (chunk) => chunks.push(Buffer.from(chunk)));
  encoder.write(bytes);
  encoder.end();
  return Buffer.concat(chunks);
}

/** An image of the layers; `config` is laid over what every config has. */
export function fixtureImage(
  layers: FixtureLayer[],
  { names = [], config = {} }: { names?: string[]; config?: Record<string, unknown> } = {},
): FixtureImage {
  const document = {
    architecture: 'amd64',
    os: 'linux',
    created: '2020-01-02T03:04:05.678901234Z',
    config: { Env: ['PATH=/bin'], Cmd: ['/bin/sh'] },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map((_, index) => ({ created: '2020-01-02T03:04:05Z', created_by: `step ${index}` })),
    ...config,
  };
  const bytes = Buffer.from(JSON.stringify(document));
  return { config: bytes, configDigest: sha256Digest(bytes), layers, names };
}

/** The members of an archive as Docker 1.10 to 24 wrote them, the v1 directories left out. */
export function dockerArchiveFiles(images: FixtureImage[]): FixtureFiles {
  const files: FixtureFiles = new Map();
  const manifest = images.map((image) => {
    files.set(`${digestHex(image.configDigest)}.json`, image.config);
    for (const layer of image.layers) files.set(`${digestHex(layer.digest)}/layer.tar`, layer.stored);
    return {
      Config: `${digestHex(image.configDigest)}.json`,
      RepoTags: image.names.length === 0 ? null : image.names,
      Layers: image.layers.map(({ digest }) => `${digestHex(digest)}/layer.tar`),
    };
  });
  files.set('manifest.json', json(manifest));
  return files;
}

/** An image of the time before content addresses. */
export interface FixtureV1Image {
  id: string;
  parent?: string;
  layer?: Buffer;
  json?: Record<string, unknown>;
}

/** An id that is easy to tell from others: `v1Id('a')` is 64 times `a`. */
export function v1Id(digit: string): string {
  return digit.repeat(64);
}

/** The members of an archive as Docker wrote them before 1.10. */
export function legacyArchiveFiles(
  images: FixtureV1Image[],
  repositories?: Record<string, Record<string, string>>,
): FixtureFiles {
  const files: FixtureFiles = new Map();
  for (const { id, parent, layer, json: fields } of images) {
    const document = { id, ...(parent === undefined ? {} : { parent }), created: '2014-05-08T09:10:11Z', ...fields };
    files.set(`${id}/`, null);
    files.set(`${id}/VERSION`, Buffer.from('1.0'));
    files.set(`${id}/json`, json(document));
    files.set(`${id}/layer.tar`, layer ?? tar([file(`made-by-${id[0]}`, id)]));
  }
  if (repositories !== undefined) files.set('repositories', json(repositories));
  return files;
}

export const MEDIA = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
} as const;

export interface FixtureDescriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  platform?: Record<string, string>;
  data?: string;
  artifactType?: string;
}

/** An OCI layout that grows: what is added answers its descriptor. */
export class FixtureLayout {
  readonly files: FixtureFiles = new Map<string, Buffer | string | null>([
    ['oci-layout', json({ imageLayoutVersion: '1.0.0' })],
  ]);

  blob(bytes: Buffer, mediaType: string): FixtureDescriptor {
    const digest = sha256Digest(bytes);
    this.files.set(`blobs/sha256/${digestHex(digest)}`, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  /** The manifest of an image, its blobs with it; `fields` are laid over it. */
  image(image: FixtureImage, fields: Record<string, unknown> = {}): FixtureDescriptor {
    const config = this.blob(image.config, MEDIA.config);
    const layers = image.layers.map(({ stored, compression }) =>
      this.blob(stored, compression === 'none' ? MEDIA.layer : `${MEDIA.layer}+${compression}`),
    );
    return this.manifest({ config, layers, ...fields });
  }

  manifest(fields: Record<string, unknown>, mediaType: string = MEDIA.manifest): FixtureDescriptor {
    return this.blob(json({ schemaVersion: 2, mediaType, ...fields }), mediaType);
  }

  index(manifests: FixtureDescriptor[], mediaType: string = MEDIA.index): FixtureDescriptor {
    return this.blob(json({ schemaVersion: 2, mediaType, manifests }), mediaType);
  }

  /** Writes index.json. */
  list(manifests: unknown): this {
    this.files.set('index.json', json({ schemaVersion: 2, mediaType: MEDIA.index, manifests }));
    return this;
  }
}

/** One image as skopeo's `dir:` has it; `fields` are laid over its manifest. */
export function dirFiles(image: FixtureImage, fields: Record<string, unknown> = {}): FixtureFiles {
  const layout = new FixtureLayout();
  return dirOfLayout(layout, layout.image(image, fields));
}

/** What is in a layout as `dir:` has it: one document on top, its members beside it. */
export function dirOfLayout(
  { files }: FixtureLayout,
  top: FixtureDescriptor,
  members: FixtureDescriptor[] = [],
): FixtureFiles {
  const isMember = new Set(members.map(({ digest }) => digest.slice(7)));
  const renamed: FixtureFiles = new Map([['version', Buffer.from('Directory Transport Version: 1.1\n')]]);
  for (const [path, content] of files) {
    if (!path.startsWith('blobs/')) continue;
    const hex = path.slice('blobs/sha256/'.length);
    if (hex === top.digest.slice(7)) renamed.set('manifest.json', content);
    else renamed.set(isMember.has(hex) ? `${hex}.manifest.json` : hex, content);
  }
  return renamed;
}

export function named(descriptor: FixtureDescriptor, refName: string, containerdName?: string): FixtureDescriptor {
  return {
    ...descriptor,
    annotations: {
      'org.opencontainers.image.ref.name': refName,
      ...(containerdName === undefined ? {} : { 'io.containerd.image.name': containerdName }),
    },
  };
}

export function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** The files as one tar, in the order of the map. */
export function archiveOf(files: FixtureFiles): Buffer {
  const members = [...files].map(([name, content]) => {
    if (content === null) return dir(name);
    return typeof content === 'string' ? symlink(name, content) : file(name, content);
  });
  return tar(members);
}

/** Writes the files as one tar; answers its path. */
export function writeArchiveFile(path: string, files: FixtureFiles, compression: OutputCompression = 'none'): string {
  writeFileSync(path, pack(archiveOf(files), compression));
  return path;
}

/** Writes the files as a directory; answers its path. Links are for the test to make. */
export function writeDirectory(path: string, files: FixtureFiles): string {
  for (const [name, content] of files) {
    if (!Buffer.isBuffer(content)) continue;
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return path;
}
