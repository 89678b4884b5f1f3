import { rm } from 'node:fs/promises';
import type { Digest } from '../identity/digest.ts';
import { targetOf } from '../image/edit-manifest.ts';
import type { ImageSink } from '../image/image-sink.ts';
import type { ManifestFormat } from '../image/media-types.ts';
import type { FormatContext } from './context.ts';
import { manifestOf } from './new-manifest.ts';

/**
 * Checks every blob against its digest and keeps nothing: for rehearsals, and to find out whether a source is sound.
 * Digests of manifests are those that an OCI layout would have.
 */
export function openNullSink(
  context: FormatContext,
  { format }: { format?: ManifestFormat | undefined } = {},
): ImageSink {
  const { pool, signal } = context;
  const checked = new Set<Digest>();
  return {
    transport: 'null',
    location: '',
    defaultCompression: 'keep',
    keepsManifests: true,
    hasBlob: (digest) => Promise.resolve(checked.has(digest)),
    putBlob: async (digest, blob, { move }) => {
      try {
        await pool.run('blob.digest', { blob: { ...blob, digest } }, { signal });
        checked.add(digest);
      } finally {
        if (move) await rm(blob.path, { force: true });
      }
    },
    putImage: (image) => Promise.resolve({ manifest: targetOf(manifestOf(image, format)) }),
    putIndex: () => Promise.resolve(),
    commit: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
