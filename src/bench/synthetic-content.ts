import { type Cipher, createCipheriv, createHash } from 'node:crypto';

const POOL_BYTES = 4 * 1024 * 1024;
const NUMBERS_BYTES = 64 * 1024;

/** What files are made of: nothing that shrinks, text that shrinks to a third, programs in between. */
export type Texture = 'noise' | 'text' | 'program';

/** Numbers and bytes that depend on nothing but the seed; the same on every machine. */
export interface ContentMaker {
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number;
  /** New bytes; no two calls give the same ones. */
  content(texture: Texture, size: number): Buffer;
}

export function contentMaker(seed: number): ContentMaker {
  const noise = noiseSource(seed);
  const below = numbers(noise);
  const text = textPool(noise);
  const textOf = (size: number): Buffer => {
    const out = Buffer.allocUnsafe(size);
    // Pieces from all over the pool, so that no file is another one's copy and distant repeats stay rare.
    for (let at = 0; at < size;) {
      const from = below(POOL_BYTES - 4096);
      at += text.copy(out, at, from, from + 1024 + below(3072));
    }
    return out;
  };
  return {
    below,
    content(texture, size) {
      if (texture === 'noise') return noise(size);
      const out = textOf(size);
      // Machine code is words that repeat between ones that do not: a third of its bytes are noise here.
      if (texture === 'program') mixIn(out, noise(Math.ceil(size / 3)));
      return out;
    },
  };
}

function numbers(noise: (size: number) => Buffer): (limit: number) => number {
  let block = noise(NUMBERS_BYTES);
  let at = 0;
  return (limit) => {
    if (at === block.length) [block, at] = [noise(NUMBERS_BYTES), 0];
    const value = block.readUInt32LE(at);
    at += 4;
    return Math.floor((value / 2 ** 32) * limit);
  };
}

/** Overwrites 16 of every 48 bytes. */
function mixIn(out: Buffer, noise: Buffer): void {
  for (let at = 0, from = 0; at < out.length; at += 48, from += 16) noise.copy(out, at, from, from + 16);
}

/** AES in counter mode over zeros: random bytes from a seed, as fast as memory. */
function noiseSource(seed: number): (size: number) => Buffer {
  const key = createHash('sha256').update(`layermill bench ${seed}`).digest();
  const cipher: Cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16));
  return (size) => cipher.update(Buffer.alloc(size));
}

/** Words of a made-up language, common ones often. */
function textPool(noise: (size: number) => Buffer): Buffer {
  const letters = 'etaoinsrhldcumfpgwybvk';
  const lengths = noise(4096);
  const words = Array.from(lengths, (length) =>
    Array.from(noise(2 + (length % 9)), (byte) => letters[Math.floor((byte * byte * letters.length) / 65_536)]!).join(
      '',
    ),
  );
  const pool = Buffer.allocUnsafe(POOL_BYTES);
  const picks = noise(POOL_BYTES);
  for (let at = 0, i = 0; at < POOL_BYTES; i += 2) {
    // The square makes early words common, as in real text.
    const pick = picks.readUInt16LE(i % (POOL_BYTES - 2)) / 65_536;
    const word = words[Math.floor(pick * pick * words.length)]!;
    at += pool.write(i % 24 === 22 ? `${word}\n` : `${word} `, at, 'latin1');
  }
  return pool;
}
