import { existsSync, lstatSync, openSync, closeSync } from 'node:fs';
import { run } from './programs.ts';

/** Makes a FIFO. */
export function makeFifo(path: string): void {
  run('mkfifo', path);
}

/** What a device node that swallows everything is called at `lstat`. */
export const isDevice = (path: string): boolean => lstatSync(path).isCharacterDevice();

/** Makes a node that swallows what is written, as /dev/null does; false, said aloud, where that is not allowed. */
export function makeSink(path: string): boolean {
  try {
    run('mknod', path, 'c', '1', '3');
    closeSync(openSync(path, 'w'));
    return true;
  } catch (error) {
    console.warn(`skipped: no device node can be ${existsSync(path) ? 'opened' : 'made'} here (${String(error)})`);
    return false;
  }
}
