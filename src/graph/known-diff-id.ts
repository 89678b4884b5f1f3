import type { TarSource } from '../archive/tar-source.ts';
import type { Digest } from '../identity/digest.ts';
import type { GraphContext, WorkOptions } from './context.ts';
import { layerSource } from './layer-source.ts';

/**
 * The DiffID of a registered layer: as it was hashed when it came, or, for one that Docker wrote, of the tar that it
 * gives now.
 */
export async function knownDiffId(context: GraphContext, id: string, options: WorkOptions): Promise<Digest> {
  const info = await context.store.info(id);
  if (info?.diffId !== undefined && info.diffId !== null) return info.diffId;
  const source: TarSource = await layerSource(context, id);
  const { diffId } = await context.pool.run(
    'layer.digest',
    { source, expected: {}, limits: context.limits },
    { signal: options.signal, job: id },
  );
  return diffId;
}
