import type { Compression, CompressionProfile, ExpansionLimits } from '../../src/compression/codec.ts';
import { decoderFor, sequentialEncoder } from '../../src/compression/codecs.ts';

/** Bounds that no honest test input meets. */
export const WIDE: ExpansionLimits = { outputBytes: 1024 ** 4, ratio: 1_000_000 };

/** All of `input`, written in pieces of these sizes, over and over. */
export function pack(profile: CompressionProfile, input: Buffer, pieces: number[] = [input.length]): Buffer {
  const out: Buffer[] = [];
  const encoder = sequentialEncoder(profile, (chunk) => out.push(Buffer.from(chunk)));
  for (const piece of cut(input, pieces)) encoder.write(piece);
  encoder.end();
  return Buffer.concat(out);
}

/** What `packed` unpacks to; throws what the decoder throws. */
export function unpack(
  compression: Compression,
  packed: Buffer,
  pieces: number[] = [packed.length],
  limits: ExpansionLimits = WIDE,
): Buffer {
  const out: Buffer[] = [];
  const decoder = decoderFor(compression, (chunk) => out.push(Buffer.from(chunk)), limits);
  for (const piece of cut(packed, pieces)) decoder.write(piece);
  decoder.end();
  return Buffer.concat(out);
}

function* cut(input: Buffer, pieces: number[]): Generator<Buffer> {
  for (let at = 0, turn = 0; at < input.length; turn++) {
    const end = at + Math.max(1, pieces[turn % pieces.length] ?? 1);
    yield input.subarray(at, end);
    at = end;
  }
}

/** Bytes between noise and text, the same for the same seed: neither incompressible nor trivial. */
export function sampleBytes(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = (state >>> 16) & 0x0f;
  }
  return bytes;
}

/** The code of the error that `call` throws; `none` when it does not. */
export function codeOf(call: () => unknown): string {
  try {
    call();
    return 'none';
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}
