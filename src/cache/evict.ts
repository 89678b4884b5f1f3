import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Removes files of a directory, those used longest ago first, until at most `maxBytes` are left. A file of the same name in
 * `used` is as old as its last use; without one a file was used when it was made.
 */
export async function evict(dir: string, used: string, maxBytes: number): Promise<void> {
  const names = await readdir(dir);
  const files: { path: string; stamp: string; size: number; usedMs: number }[] = [];
  for (const name of names) {
    const path = join(dir, name);
    const found = await stat(path).catch(() => null);
    // Another process may be at the same work.
    if (found?.isFile() !== true) continue;
    const use = await stat(join(used, name)).catch(() => null);
    const usedMs = Math.max(found.mtimeMs, use?.mtimeMs ?? 0);
    files.push({ path, stamp: join(used, name), size: found.size, usedMs });
  }
  let bytes = files.reduce((sum, { size }) => sum + size, 0);
  for (const { path, stamp, size } of files.toSorted((a, b) => a.usedMs - b.usedMs)) {
    if (bytes <= maxBytes) return;
    await rm(path, { force: true });
    await rm(stamp, { force: true });
    bytes -= size;
  }
}
