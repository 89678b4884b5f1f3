import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Removes files of a directory, those used longest ago first, until at most `maxBytes` are left. */
export async function evict(dir: string, maxBytes: number): Promise<void> {
  const names = await readdir(dir);
  const files: { path: string; size: number; usedMs: number }[] = [];
  for (const name of names) {
    const path = join(dir, name);
    const found = await stat(path).catch(() => null);
    // Another process may be at the same work.
    if (found?.isFile() === true) files.push({ path, size: found.size, usedMs: found.mtimeMs });
  }
  let bytes = files.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size } of files.toSorted((a, b) => a.usedMs - b.usedMs)) {
    if (bytes <= maxBytes) return;
    await rm(path, { force: true });
    bytes -= size;
  }
}
