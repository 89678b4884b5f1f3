import type { ByteSink } from './codec.ts';

/**
 * Cuts what is written into blocks of exactly `size` bytes, the last one shorter, so that nothing downstream depends
 * on how the input came. A block that lies whole in one chunk is not copied. Blocks are only valid until `full`
 * returns; a buffer to gather them in is made when the first one needs it, unless one is given.
 */
export function blocks(size: number, full: ByteSink, gatherIn?: Buffer): { write(chunk: Buffer): void; end(): void } {
  let gathered: Buffer | undefined = gatherIn;
  let used = 0;
  return {
    write(chunk) {
      for (let at = 0; at < chunk.length;) {
        if (used === 0 && chunk.length - at >= size) {
          full(chunk.subarray(at, at + size));
          at += size;
          continue;
        }
        gathered ??= Buffer.allocUnsafe(size);
        const copied = chunk.copy(gathered, used, at);
        used += copied;
        at += copied;
        if (used === size) {
          used = 0;
          full(gathered);
        }
      }
    },
    end() {
      if (used > 0 && gathered !== undefined) full(gathered.subarray(0, used));
      used = 0;
    },
  };
}
