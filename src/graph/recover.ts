import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeImageJson } from '../image/v1-compat.ts';
import type { GraphContext } from './context.ts';
import { JSON_FILE } from './image-store.ts';
import { isImageId } from '../identity/image-id.ts';

/**
 * Removes what processes that died left: staging that nobody holds, and the tree of an image whose metadata was still in
 * staging. Other trees without metadata are left alone: in a directory that Docker wrote they are its containers.
 */
export async function recover(context: GraphContext): Promise<void> {
  await context.lock.exclusive(async () => {
    context.family.refresh();
    await context.store.sweep(async (staging) => {
      const id = await stagedId(staging);
      if (id !== null && !(await context.store.ids()).includes(id)) await context.driver.remove(id);
    });
    await context.driver.sweep();
  });
}

async function stagedId(staging: string): Promise<string | null> {
  try {
    const { id } = decodeImageJson(await readFile(join(staging, JSON_FILE)));
    return isImageId(id) ? id : null;
  } catch {
    return null;
  }
}
