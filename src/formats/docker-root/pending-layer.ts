import type { TarSource } from '../../archive/tar-source.ts';
import { profileFor } from '../../compression/codecs.ts';
import type { Digest } from '../../identity/digest.ts';
import type { PendingBlob } from '../../image/pending-blob.ts';
import type { FormatContext } from '../context.ts';

/** A layer that a thread makes of a data directory's files when it is wanted. */
export interface LayerInTree {
  source: TarSource;
  /** What its tar must have. */
  diffId: Digest;
  /** About how many bytes, as the engine counted the files; what is missing is asked for afterwards. */
  about: number;
}

/** The tar of the layer, its DiffID checked before anybody gets it. */
export function pendingLayer({ source, diffId, about }: LayerInTree, { pool, limits }: FormatContext): PendingBlob {
  return {
    async obtain(to, { signal, onProgress, onWarning, room }) {
      const asked = Math.min(about, limits.layerBytes);
      await room?.(asked);
      const input = { source, profile: profileFor({ compression: 'none' }), to, expected: { diffId }, limits };
      const { blob } = await pool.run('layer.archive', input, {
        signal,
        onWarning,
        onProgress: ({ bytesOut }) => onProgress?.(bytesOut),
      });
      if (blob.size > asked) await room?.(blob.size - asked);
      return { path: to, ...blob };
    },
  };
}
