import { rm } from 'node:fs/promises';
import { expansionLimits } from '../../archive/limits.ts';
import type { Compression } from '../../compression/codec.ts';
import { compressionOf } from '../../graph/layer-input.ts';
import type { SourceLayer } from '../../image/image-source.ts';
import { compressionOfType } from '../../image/media-types.ts';
import { isPending } from '../../image/pending-blob.ts';
import type { JobTools } from '../job-context.ts';
import { otherTar } from './pack-blob.ts';

/**
 * A layer as images can have it, and how it is packed: as its manifest or its first bytes say. One of an archive in xz or
 * bzip2, for which images have no media type, is the tar that it unpacks to, and what is obtained then has the DiffID; every
 * other is as it was. What has to be rebuilt is a plain tar. Obtaining throws PROGRAM_MISSING, COMPRESSION_INVALID,
 * DIFF_ID_MISMATCH, ….
 */
export async function plainLayer(
  tools: JobTools,
  layer: SourceLayer,
): Promise<{ layer: SourceLayer; compression: Compression }> {
  const { blob, diffId, mediaType } = layer;
  const said = mediaType === null ? null : compressionOfType(mediaType);
  if (said !== null) return { layer, compression: said };
  if (isPending(blob)) return { layer, compression: 'none' };
  const compression = await compressionOf(blob);
  if (mediaType !== null || (compression !== 'xz' && compression !== 'bzip2')) return { layer, compression };
  const plain: SourceLayer = {
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
  return { layer: plain, compression: 'none' };
}
