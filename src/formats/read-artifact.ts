import { writeFile } from 'node:fs/promises';
import type { SourceArtifact } from '../image/image-source.ts';
import { decodeArtifact, type Descriptor } from '../image/manifest.ts';
import { isPending, type PendingBlob } from '../image/pending-blob.ts';
import type { BlobRef } from '../streams/blob-ref.ts';
import { faultyBlob } from './broken.ts';
import type { ImageContent } from './content.ts';
import type { FormatContext } from './context.ts';
import { checkLength, missingBlob, promised, readBlobOf } from './read-manifest.ts';

/** What is to be read: a manifest, the tag that it was found by, and what it is called. */
export interface ArtifactToRead {
  descriptor: Descriptor;
  tag: string | null;
  ref: string;
}

/** Reads the manifest of an artifact; what it names is only located. Throws BLOB_MISSING, JSON_INVALID, …. */
export async function readArtifact(
  content: ImageContent,
  { descriptor, tag, ref }: ArtifactToRead,
  { documents, allFaults }: FormatContext,
): Promise<SourceArtifact> {
  const raw = await readBlobOf(content, descriptor, 'the manifest');
  const { mediaType, digest } = descriptor;
  const { config, layers, subject, artifactType, annotations } = decodeArtifact(raw, mediaType, documents);
  const parts = [...(config === null ? [] : [config]), ...layers];
  const blobs = new Map<string, BlobRef | PendingBlob>();
  for (const part of parts) {
    if (blobs.has(part.digest)) continue;
    const located = locate(content, part);
    blobs.set(part.digest, await (allFaults === true ? located.catch((error) => faultyBlob(part, error)) : located));
  }
  return {
    kind: 'artifact',
    ref,
    subject,
    tag,
    raw,
    mediaType,
    digest,
    // Who lists referrers takes the type of the config where the manifest has no type of its own.
    artifactType: artifactType ?? config?.mediaType ?? null,
    annotations,
    blobs: [...blobs.values()],
  };
}

async function locate(content: ImageContent, part: Descriptor): Promise<BlobRef | PendingBlob> {
  if (part.data !== null) return carried(part, part.data);
  // Whatever its type says, what a manifest names is stored as a blob.
  const blob = await content.blob({ ...part, mediaType: 'application/octet-stream' });
  if (blob === null) throw missingBlob(content, part, 'the part of an artifact');
  if (!isPending(blob)) checkLength(blob, part, 'the part of an artifact');
  return promised(blob, part);
}

/** A blob that the manifest itself carries. */
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
