import { writeFile } from 'node:fs/promises';
import { engineError } from '../errors/kinds.ts';
import type { SourceArtifact } from '../image/image-source.ts';
import { decodeArtifact, decodeArtifactIndex, type Descriptor, type Manifest } from '../image/manifest.ts';
import { isIndexType, isManifestType } from '../image/media-types.ts';
import { isPending, type PendingBlob } from '../image/pending-blob.ts';
import { quoted } from '../image/strict-json.ts';
import type { BlobRef } from '../streams/blob-ref.ts';
import { faultyBlob } from './broken.ts';
import type { ImageContent } from './content.ts';
import type { FormatContext } from './context.ts';
import { checkLength, missingBlob, promised, readBlobOf } from './read-manifest.ts';

/** By their digests, in the order in which they were found. */
type Blobs = Map<string, BlobRef | PendingBlob>;

/** What is to be read: a manifest or an index, the tag that it was found by, and what it is called. */
export interface ArtifactToRead {
  descriptor: Descriptor;
  tag: string | null;
  ref: string;
}

/**
 * Reads the manifest of an artifact, or the index of several; what they name is only located. Throws BLOB_MISSING,
 * JSON_INVALID, …, and MEDIA_TYPE_UNSUPPORTED for an index in an index.
 */
export async function readArtifact(
  content: ImageContent,
  { descriptor, tag, ref }: ArtifactToRead,
  context: FormatContext,
): Promise<SourceArtifact> {
  const { mediaType, digest } = descriptor;
  const read = isIndexType(mediaType) ? readIndexOf : readManifestOf;
  return { kind: 'artifact', ref, tag, mediaType, digest, ...(await read(content, descriptor, context)) };
}

type Read = Pick<SourceArtifact, 'raw' | 'subject' | 'artifactType' | 'annotations' | 'blobs'>;

async function readManifestOf(content: ImageContent, descriptor: Descriptor, context: FormatContext): Promise<Read> {
  const raw = await readBlobOf(content, descriptor, 'the manifest');
  const manifest = decodeArtifact(raw, descriptor.mediaType, context.documents);
  const { config, subject, artifactType, annotations } = manifest;
  const blobs = await partsOf(content, manifest, context);
  // Who lists referrers takes the type of the config where the manifest has no type of its own.
  return {
    raw,
    subject,
    artifactType: artifactType ?? config?.mediaType ?? null,
    annotations,
    blobs: [...blobs.values()],
  };
}

/** The manifests that it lists are among its blobs, after what they name. */
async function readIndexOf(content: ImageContent, descriptor: Descriptor, context: FormatContext): Promise<Read> {
  const raw = await readBlobOf(content, descriptor, 'the index');
  const { members, ...said } = decodeArtifactIndex(raw, descriptor.mediaType, context.documents);
  const blobs: Blobs = new Map();
  for (const member of members) {
    if (!isManifestType(member.mediaType)) throw nested(member);
    try {
      const manifest = await readBlobOf(content, member, 'the manifest');
      const parts = await partsOf(content, decodeArtifact(manifest, member.mediaType, context.documents), context);
      for (const [digest, blob] of parts) blobs.set(digest, blob);
      blobs.set(member.digest, carried(member, manifest));
    } catch (error) {
      if (context.allFaults !== true) throw error;
      blobs.set(member.digest, faultyBlob(member, error));
    }
  }
  return { raw, ...said, blobs: [...blobs.values()] };
}

function nested({ mediaType }: Descriptor): Error {
  const message = `an index that refers to an image lists something else than manifests (${quoted(mediaType)})`;
  return engineError('MEDIA_TYPE_UNSUPPORTED', message, { mediaType });
}

async function partsOf(
  content: ImageContent,
  { config, layers }: Manifest,
  { allFaults }: FormatContext,
): Promise<Blobs> {
  const blobs: Blobs = new Map();
  for (const part of [...(config === null ? [] : [config]), ...layers]) {
    if (blobs.has(part.digest)) continue;
    const located = locate(content, part);
    blobs.set(part.digest, await (allFaults === true ? located.catch((error) => faultyBlob(part, error)) : located));
  }
  return blobs;
}

async function locate(content: ImageContent, part: Descriptor): Promise<BlobRef | PendingBlob> {
  if (part.data !== null) return carried(part, part.data);
  // Whatever its type says, what a manifest names is stored as a blob.
  const blob = await content.blob({ ...part, mediaType: 'application/octet-stream' });
  if (blob === null) throw missingBlob(content, part, 'the part of an artifact');
  if (!isPending(blob)) checkLength(blob, part, 'the part of an artifact');
  return promised(blob, part);
}

/** A blob that another document carries, or that has been read already. */
function carried({ digest, size }: Descriptor, data: Buffer): PendingBlob {
  return {
    digest,
    size,
    obtain: async (path) => {
      await writeFile(path, data, { flag: 'wx', mode: 0o600 });
      return { path, size, digest };
    },
  };
}
