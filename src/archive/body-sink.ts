import { closeSync, writeSync } from 'node:fs';
import type { SparseFile } from './sparse-file.ts';

/** Where the stored body of an entry goes, piece by piece. */
export interface BodySink {
  write(chunk: Buffer, start: number, end: number): void;
  /** The body is complete. */
  end(): void;
  /** The layer is given up in the middle of the body. */
  abandon(): void;
}

/** For entries without a body, and bodies that nobody will ask for again. */
export const NOWHERE: BodySink = { write: () => {}, end: () => {}, abandon: () => {} };

/** The same bytes into several side files. */
export function asideSink(fds: number[]): BodySink {
  const close = (): void => fds.splice(0).forEach((fd) => closeSync(fd));
  return {
    write: (chunk, start, end) => {
      for (const fd of fds) writeAll(fd, chunk, start, end);
    },
    end: close,
    abandon: close,
  };
}

/** Into a sparse file and, as stored, into a side file when there is one. */
export function sparseSink(file: SparseFile, copy: number | null, then: BodySink): BodySink {
  const side = copy === null ? NOWHERE : asideSink([copy]);
  return {
    write: (chunk, start, end) => {
      file.write(chunk, start, end);
      side.write(chunk, start, end);
    },
    end: () => {
      side.end();
      file.finish();
      then.end();
    },
    abandon: () => {
      side.abandon();
      then.abandon();
    },
  };
}

function writeAll(fd: number, chunk: Buffer, start: number, end: number): void {
  for (let at = start; at < end;) at += writeSync(fd, chunk, at, end - at);
}
