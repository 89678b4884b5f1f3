import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RECORD_FILE } from '../archive/record-format.ts';
import type { TarSource } from '../archive/tar-source.ts';
import type { GraphContext } from './context.ts';

/** Where the tar of a registered layer comes from: its record, or what it changes against its parent. */
export async function layerSource(context: GraphContext, id: string): Promise<TarSource> {
  const parent = context.family.image(id)?.parent ?? '';
  const mount = await context.driver.mount(id, parent === '' ? null : parent);
  const meta = context.store.imageRoot(id);
  return (await exists(join(meta, RECORD_FILE)))
    ? { from: 'record', meta, dir: mount.dir }
    : { from: 'changes', mount };
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
