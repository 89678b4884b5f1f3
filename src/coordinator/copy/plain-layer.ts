import { rm } from 'node:fs/promises';
import { expansionLimits } from '../../archive/limits.ts';
import { compressionOf } from '../../graph/layer-input.ts';
import type { SourceLayer } from '../../image/image-source.ts';
import { isPending } from '../../image/pending-blob.ts';
import type { JobTools } from '../job-context.ts';
import { otherTar } from './pack-blob.ts';

/**
 * A layer of an archive in xz or bzip2, for which images have no media type, as the tar that it unpacks to; every other
 * layer as it is. What is obtained then has the DiffID. Throws PROGRAM_MISSING, COMPRESSION_INVALID, DIFF_ID_MISMATCH, ….
 */
export async function plainLayer(tools: JobTools, layer: SourceLayer): Promise<SourceLayer> {
  const { blob, diffId, mediaType } = layer;
  if (mediaType !== null || isPending(blob)) return layer;
  const compression = await compressionOf(blob);
  if (compression !== 'xz' && compression !== 'bzip2') return layer;
  return {
    ...layer,
    blob: {
      obtain: async (to, { signal, room }) => {
        const { unpackWithProgram } = await import('../../compression/external.ts');
        const { size } = await unpackWithProgram({
          blob,
          compression,
          to,
          limits: expansionLimits(tools.limits),
          room,
          signal,
        });
        try {
          const { digest } = await tools.pool.run('blob.digest', { blob: { path: to } }, { signal });
          if (digest !== diffId) throw otherTar(diffId, digest);
          return { path: to, size, digest };
        } catch (error) {
          await rm(to, { force: true });
          throw error;
        }
      },
    },
  };
}
