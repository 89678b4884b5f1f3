import { spawnSync } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, readSync, readdirSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { CacheFacts } from './report.ts';
import { fileSystemOf } from './machine.ts';

const DROP_CACHES = '/proc/sys/vm/drop_caches';

export interface PageCache {
  readonly facts: CacheFacts;
  /** Brings the inputs into the state that was asked for, before a run. */
  ready(inputs: readonly string[]): void;
}

/**
 * Warm: the files are read once before each run. Cold: as root the kernel drops everything it can; otherwise the
 * input files alone are dropped (posix_fadvise through dd), and what else a run reads may still be in memory.
 */
export function openPageCache(wanted: 'warm' | 'cold', work: string, inputs: readonly string[]): PageCache {
  if (wanted === 'warm') {
    const done = 'warm: input files were read once before each run, stores were written shortly before';
    return { facts: { wanted, done }, ready: (paths) => filesIn(paths).forEach(readThrough) };
  }
  if ([work, ...inputs].every((path) => fileSystemOf(path) === 'tmpfs')) {
    return { facts: { wanted, done: 'not cold: everything is on tmpfs, which is memory' }, ready: () => {} };
  }
  if (mayDropAll()) {
    const done = `cold: the page cache of the whole machine was dropped (${DROP_CACHES}) before each run; tmpfs is not in it`;
    return { facts: { wanted, done }, ready: dropAll };
  }
  const done =
    'half cold: input files were dropped from the page cache before each run (dd, posix_fadvise); stores and ' +
    'directories were not, which takes root';
  return { facts: { wanted, done }, ready: (paths) => filesIn(paths).forEach(dropFile) };
}

function mayDropAll(): boolean {
  try {
    accessSync(DROP_CACHES, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Only what is written already can be dropped. */
function dropAll(): void {
  spawnSync('sync');
  const fd = openSync(DROP_CACHES, 'w');
  try {
    writeSync(fd, '3\n');
  } finally {
    closeSync(fd);
  }
}

/** Archives, and what is in layouts. */
function filesIn(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory() !== true) return stat?.isFile() === true ? [path] : [];
    const entries = readdirSync(path, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  });
}

function dropFile(path: string): void {
  spawnSync('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'], { stdio: 'ignore' });
}

function readThrough(path: string): void {
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(1024 * 1024);
    while (readSync(fd, buffer) > 0);
  } finally {
    closeSync(fd);
  }
}
