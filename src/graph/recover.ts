import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isImageId } from '../identity/image-id.ts';
import { decodeImageJson } from '../image/v1-compat.ts';
import type { GraphContext } from './context.ts';
import { JSON_FILE } from './image-store.ts';

/**
 * Removes what processes that died left: staging that nobody holds, and the layer of an image whose metadata was in
 * staging, on its way in or out. Other layers without metadata are left alone: in a directory that Docker wrote they are
 * its containers.
 */
export async function recover({ lock, store, driver }: GraphContext, signal?: AbortSignal): Promise<void> {
  await lock.exclusive(async () => {
    await store.sweep(async (staging) => {
      const id = await stagedId(staging);
      if (id !== null && !store.hasDirectory(id)) await driver.remove(id);
    });
    await driver.sweep();
  }, signal);
}

async function stagedId(staging: string): Promise<string | null> {
  try {
    const { id } = decodeImageJson(await readFile(join(staging, JSON_FILE)));
    return isImageId(id) ? id : null;
  } catch {
    return null;
  }
}
