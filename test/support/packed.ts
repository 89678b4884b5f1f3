import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { decoderFor } from '../../src/compression/codecs.ts';
import type { Compression, ExpansionLimits } from '../../src/compression/codec.ts';

export const NO_LIMITS: ExpansionLimits = { outputBytes: Infinity, ratio: Infinity };

/** Unpacks what comes in these chunks. */
export function unpack(compression: Compression, chunks: Iterable<Buffer>, limits = NO_LIMITS): Buffer {
  const out: Buffer[] = [];
  const decoder = decoderFor(compression, (chunk) => out.push(Buffer.from(chunk)), limits);
  for (const chunk of chunks) decoder.write(chunk);
  decoder.end();
  return Buffer.concat(out);
}

/** The bytes in chunks of `size`, the last one shorter. */
export function chunksOf(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/** Bytes that pack to about half, the same for a seed everywhere. */
export function sample(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = 0x40 | ((state >>> 16) & 0x0f);
  }
  return bytes;
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The code of what `call` throws; undefined when it throws nothing. */
export function codeOf(call: () => unknown): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code ?? error;
  }
}

/** Where a program of the system is; says that tests are left out where it is not installed. */
export function installed(program: string): string | undefined {
  const found = ['/usr/bin', '/bin'].map((directory) => `${directory}/${program}`).find(existsSync);
  if (found === undefined) console.warn(`skipped: ${program} is not installed`);
  return found;
}
