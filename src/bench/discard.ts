import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { fileSystemOf, freeBytes } from './machine.ts';

/** Takes away what runs made, without disturbing the runs that follow. */
export interface Discards {
  discard(path: string): Promise<void>;
}

/**
 * On tmpfs everything goes at once. On a disk it stays until the end while there is room for ten more: after a removal
 * of many files ext4 is several times slower for minutes, whichever tool writes.
 */
export function openDiscards(work: string, runBytes: number): Discards {
  const atOnce = fileSystemOf(work) === 'tmpfs';
  return {
    discard: async (path) => {
      if (atOnce || freeBytes(work) < 10 * runBytes) await removeDirectory(path);
    },
  };
}

/** Removes a directory of ours, and unmounts what a tool left mounted in it (containers-storage does). */
export async function removeDirectory(path: string): Promise<void> {
  for (const mount of mountsBelow(path)) spawnSync('umount', [mount], { stdio: 'ignore' });
  await rm(path, { recursive: true, force: true });
}

/** The innermost first. */
function mountsBelow(path: string): string[] {
  const lines = readMounts().split('\n');
  const points = lines.map((line) =>
    (line.split(' ')[1] ?? '').replace(/\\(\d{3})/g, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 8)),
    ),
  );
  return points.filter((point) => point.startsWith(`${path}/`)).sort((a, b) => b.length - a.length);
}

function readMounts(): string {
  try {
    return readFileSync('/proc/self/mounts', 'utf8');
  } catch {
    return '';
  }
}
