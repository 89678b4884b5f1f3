import { crc32 } from 'node:zlib';
import { blocks } from './blocks.ts';
import type { ByteSink, PartEncoder } from './codec.ts';

/** Packs one block to raw deflate that ends on a byte and refers to nothing before it, without a final bit. */
export type DeflateBlock = (block: Buffer, level: number, sink: ByteSink) => void;

/**
 * Input of one block. Without the 32 KiB of history that a block could refer to, the output is 0.2 % larger and the
 * work 8 % less (a 455 MB image), and every block can be made by itself.
 */
const BLOCK_BYTES = 1024 * 1024;

/** An empty block with the final bit, which ends the deflate stream whatever the last part was. */
const FINAL_BLOCK = Buffer.from([0x03, 0x00]);

/**
 * One gzip member (RFC 1952) of blocks that are cut at fixed offsets. Every block ends with a full flush, so parts
 * join without knowing of each other.
 */
export function gzipParts(level: number, deflate: DeflateBlock): PartEncoder {
  return {
    head: header(level),
    part(sink) {
      let crc = 0;
      const pack = blocks(BLOCK_BYTES, (block) => {
        crc = crc32(block, crc);
        deflate(block, level, sink);
      });
      return {
        write: pack.write,
        end() {
          pack.end();
          return crc;
        },
      };
    },
    tail(crc, size) {
      const trailer = Buffer.alloc(8);
      trailer.writeUInt32LE(crc, 0);
      trailer.writeUInt32LE(size % 2 ** 32, 4);
      return Buffer.concat([FINAL_BLOCK, trailer]);
    },
  };
}

/** No name, no time (0), an unknown system (255): nothing in it depends on where and when it was made. */
function header(level: number): Buffer {
  const extraFlags = level === 9 ? 2 : level === 1 ? 4 : 0;
  return Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, extraFlags, 255]);
}
