import { DEFAULT_LIMITS, type LayerLimits } from '../../src/archive/limits.ts';
import type { TarEntry } from '../../src/archive/tar-entry.ts';
import { createTarReader } from '../../src/archive/tar-reader.ts';

export interface ReadEntry extends TarEntry {
  data: Buffer;
}

/**
 * Reads a tar in chunks of one size and answers its entries with their stored bodies. Fails when the visitor did not get
 * every byte exactly once and in order, or its calls do not pair.
 */
export function readTar(bytes: Buffer, options: { chunk?: number; limits?: Partial<LayerLimits> } = {}): ReadEntry[] {
  const entries: ReadEntry[] = [];
  const bodies: Buffer[][] = [];
  const seen: Buffer[] = [];
  let position = 0;
  let open = false;
  const take = (chunk: Buffer, start: number, end: number): Buffer => {
    if (start >= end || end > chunk.length) throw new Error(`empty or wrong range ${start}..${end}`);
    const copy = Buffer.from(chunk.subarray(start, end));
    seen.push(copy);
    position += copy.length;
    return copy;
  };
  const reader = createTarReader(
    {
      entry(entry) {
        if (open) throw new Error('entry before endEntry');
        if (entry.bodyOffset !== position) throw new Error(`body said to be at ${entry.bodyOffset}, is at ${position}`);
        open = true;
        entries.push({ ...entry, data: Buffer.alloc(0) });
        bodies.push([]);
      },
      raw(chunk, start, end) {
        if (open) throw new Error('raw bytes inside a body');
        take(chunk, start, end);
      },
      body(chunk, start, end) {
        if (!open) throw new Error('body outside an entry');
        bodies.at(-1)!.push(take(chunk, start, end));
      },
      endEntry(entry) {
        if (!open || entry.name !== entries.at(-1)?.name) throw new Error('endEntry without entry');
        open = false;
        entries.at(-1)!.data = Buffer.concat(bodies.at(-1)!);
      },
    },
    { ...DEFAULT_LIMITS, ...options.limits },
  );
  const chunk = options.chunk ?? 64 * 1024;
  for (let at = 0; at < bytes.length; at += chunk) {
    // A copy that is spoiled afterwards: chunks are only valid during the call.
    const piece = Buffer.from(bytes.subarray(at, at + chunk));
    reader.write(piece);
    piece.fill(0xee);
  }
  reader.end();
  if (!Buffer.concat(seen).equals(bytes)) throw new Error('the visitor did not get the bytes of the tar');
  return entries;
}

/** The code of the error that reading throws; the entries' names when it throws none. */
export function outcome(bytes: Buffer, options?: Parameters<typeof readTar>[1]): string | string[] {
  try {
    return readTar(bytes, options).map((entry) => entry.name);
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code !== 'string') throw error;
    return code;
  }
}
