import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isImageId } from '../identity/image-id.ts';
import { decodeImageJson } from '../image/v1-compat.ts';
import type { GraphContext } from './context.ts';
import { JSON_FILE } from './image-store.ts';

/**
 * Removes what processes that died left: staging that nobody holds, and the layer of an image whose metadata was in
 * staging, on its way in or out. Other layers without metadata are left alone: in a directory that Docker wrote they are
 * its containers. Where another process has the store it is left for the next time: nothing needs it, and who only looks
 * should not wait.
 */
export async function recover({ lock, store, driver }: GraphContext): Promise<void> {
  await lock.ifFree(async () => {
    await store.sweep(async (staging) => {
      const id = await stagedId(staging);
      if (id !== null && !store.hasDirectory(id)) await driver.remove(id);
    });
    await driver.sweep();
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
