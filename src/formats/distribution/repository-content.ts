import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { engineError } from '../../errors/kinds.ts';
import { digestHex } from '../../identity/digest.ts';
import { DEFAULT_DOCUMENT_LIMITS } from '../../image/document-limits.ts';
import { type Descriptor, verifyBlob } from '../../image/manifest.ts';
import { isForeignLayerType, isIndexType, isManifestType } from '../../image/media-types.ts';
import type { PendingBlob } from '../../image/pending-blob.ts';
import type { ImageContent } from '../content.ts';
import type { FormatContext } from '../context.ts';
import { readDocument } from '../read-document.ts';
import type { Spool } from '../spool.ts';
import type { Repository } from './registry.ts';

/**
 * What descriptors refer to, in a repository. Manifests and configs are fetched whole, the latter by way of the spool;
 * layers when somebody wants them.
 */
export function repositoryContent(
  repository: Repository,
  spool: () => Promise<Spool>,
  context: FormatContext,
): ImageContent {
  const { host, name } = repository;
  return {
    called: `${host}/${name}`,
    document: (descriptor, what) =>
      isStoredAsManifest(descriptor)
        ? fetchManifest(repository, descriptor, what, context)
        : fetchBlob(repository, descriptor, what, spool, context),
    blob: async (descriptor) => {
      if (isStoredAsManifest(descriptor)) return pendingManifest(repository, descriptor, context);
      // Those are often left out on purpose; others are asked for when they are fetched.
      const mayBeAway = isForeignLayerType(descriptor.mediaType);
      if (mayBeAway && (await repository.blobSize(descriptor.digest, context.signal)) === null) return null;
      return pendingBlob(repository, descriptor);
    },
  };
}

/** A blob that is downloaded when it is wanted. */
function pendingBlob(repository: Repository, { digest, size }: Pick<Descriptor, 'digest' | 'size'>): PendingBlob {
  return {
    digest,
    size,
    origin: originOf(repository),
    probe: (signal) => repository.blobSize(digest, signal),
    // What a mirror has begun nobody else could begin again, when it turns out to be wrong.
    ...(repository.hasMirrors ? {} : { pour: (...range) => repository.pour({ digest, size }, ...range) }),
    obtain: async (path, { signal, onProgress }) => {
      await repository.download({ digest, size }, path, { signal, onProgress });
      return { path, size, digest };
    },
  };
}

/** How a repository is named where blobs may be taken over from one to another. */
export function originOf({ host, name }: Pick<Repository, 'host' | 'name'>): string {
  return `${host}/${name}`;
}

/** Registries give manifests and indexes by another path than blobs. */
function isStoredAsManifest({ mediaType }: Descriptor): boolean {
  return isManifestType(mediaType) || isIndexType(mediaType);
}

async function fetchManifest(
  repository: Repository,
  descriptor: Descriptor,
  what: string,
  { signal }: FormatContext,
): Promise<Buffer | null> {
  const found = await repository.manifest(descriptor.digest, signal);
  if (found === null) return null;
  verifyBlob(found.raw, descriptor, what);
  return found.raw;
}

function pendingManifest(repository: Repository, descriptor: Descriptor, context: FormatContext): PendingBlob {
  const { digest, size } = descriptor;
  return {
    digest,
    size,
    probe: async (signal) => (await repository.headManifest(digest, signal))?.size ?? null,
    obtain: async (path, { signal }) => {
      const what = 'the manifest';
      const raw = descriptor.data ?? (await fetchManifest(repository, descriptor, what, { ...context, signal }));
      if (raw === null) {
        throw engineError('BLOB_MISSING', `${what} ${digest} is not in ${originOf(repository)}`, { digest });
      }
      await writeFile(path, raw, { flag: 'wx', mode: 0o600 });
      return { path, size, digest };
    },
  };
}

async function fetchBlob(
  repository: Repository,
  { digest, size }: Descriptor,
  what: string,
  openSpool: () => Promise<Spool>,
  { documents = DEFAULT_DOCUMENT_LIMITS, signal }: FormatContext,
): Promise<Buffer> {
  if (size > documents.bytes) {
    throw engineError('LIMIT_EXCEEDED', `${what} has ${size} bytes; ${documents.bytes} are allowed`, {
      limit: 'document bytes',
      allowed: documents.bytes,
    });
  }
  const spool = await openSpool();
  const path = join(spool.path, `document-${digestHex(digest)}`);
  // A document is small: nobody waits for room for one.
  spool.share.add(size);
  await repository.download({ digest, size }, path, { signal });
  try {
    return await readDocument({ path, digest, size }, what, documents);
  } finally {
    await spool.forget(path);
  }
}
