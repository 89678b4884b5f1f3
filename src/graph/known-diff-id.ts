import type { Digest } from '../identity/digest.ts';
import type { GraphContext, WorkOptions } from './context.ts';
import { layerSource } from './layer-source.ts';

/**
 * The DiffID of a registered layer: as it was hashed when it came, or, for one that Docker wrote, of the tar that it
 * gives now. That is hashed once and noted.
 */
export async function knownDiffId(context: GraphContext, id: string, options: WorkOptions): Promise<Digest> {
  const info = await context.store.info(id);
  if (info !== null && info.diffId !== null) return info.diffId;
  const source = await layerSource(context, id);
  const input = { source, expected: {}, limits: context.limits };
  const { diffId, tarSize } = await context.pool.run('layer.digest', input, { signal: options.signal, job: id });
  if (info === null && !context.readOnly) await context.store.writeInfo(id, { format: 1, diffId, tarSize, entries: 0 });
  return diffId;
}
