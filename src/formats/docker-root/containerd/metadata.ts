import { engineError } from '../../../errors/kinds.ts';
import { parseDigest } from '../../../identity/digest.ts';
import type { BrokenImage } from '../../../image/image-source.ts';
import type { Descriptor } from '../../../image/manifest.ts';
import { quoted } from '../../../image/strict-json.ts';
import { brokenImage } from '../../broken.ts';
import type { BoltBucket } from './bbolt.ts';
import { BlobFacts } from './blob-facts.ts';
import { decodeVarint } from './varint.ts';

/** A line of the image store: what a name in a namespace stands for. */
export interface ImageRecord {
  namespace: string;
  /** As it is written, in full most often: `docker.io/library/busybox:1`. */
  name: string;
  target: Descriptor;
}

/** What containerd's `meta.db` says of images. */
export interface Metadata {
  /** All of them, sorted; also those without images. */
  namespaces: string[];
  /** Docker's first, the others in the order of their names. */
  images: ImageRecord[];
  /** Records that cannot be read. */
  broken: BrokenImage[];
  facts: BlobFacts;
}

/** The namespace that Docker uses. */
const DOCKER = 'moby';
const SCHEMA = 'v1';

/**
 * Decodes the metadata store of containerd (core/metadata/buckets.go, schema v1). What is wrong with one image is said
 * of that image. Throws ARCHIVE_INVALID when the database itself is damaged there.
 */
export function readMetadata(root: BoltBucket): Metadata {
  const schema = root.bucket(SCHEMA);
  const namespaces = schema?.bucketNames() ?? [];
  const metadata: Metadata = { namespaces, images: [], broken: [], facts: new BlobFacts(schema) };
  for (const namespace of dockersFirst(namespaces)) {
    attempt(metadata, `the namespace ${quoted(namespace)}`, () => {
      readImages(metadata, namespace, schema!.at(namespace, 'images'));
    });
  }
  return metadata;
}

function dockersFirst(namespaces: string[]): string[] {
  return [...namespaces.filter((name) => name === DOCKER), ...namespaces.filter((name) => name !== DOCKER)];
}

function attempt({ broken }: Metadata, ref: string, read: () => void): void {
  try {
    read();
  } catch (error) {
    broken.push(brokenImage(ref, error));
  }
}

function readImages(metadata: Metadata, namespace: string, images: BoltBucket | null): void {
  for (const name of images?.bucketNames() ?? []) {
    attempt(metadata, name, () => {
      const target = readTarget(images!.at(name, 'target'), name);
      metadata.images.push({ namespace, name, target });
    });
  }
}

/** Throws ARCHIVE_INVALID or INVALID_DIGEST. */
function readTarget(bucket: BoltBucket | null, name: string): Descriptor {
  const text = (key: string): string => bucket?.value(key)?.toString('utf8') ?? '';
  const size = decodeVarint(bucket?.value('size') ?? Buffer.alloc(0));
  if (size === null || size < 0) {
    const message = `the record of the image ${quoted(name)} does not say how big its manifest is; pull the image again`;
    throw engineError('ARCHIVE_INVALID', message, { member: name });
  }
  const annotations = bucket?.bucket('annotations') ?? null;
  return {
    mediaType: text('mediatype'),
    digest: parseDigest(text('digest')),
    size,
    annotations: new Map(annotations?.keys().map((key) => [key, annotations.value(key)?.toString('utf8') ?? ''])),
    platform: null,
    artifactType: null,
    data: null,
  };
}
