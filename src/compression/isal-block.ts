import { type DeflatePacker, deflateBound, openIsal } from '../system/isal.ts';
import type { DeflateBlock } from './gzip-parts.ts';

/** One a thread, for the level and the size of block it was last asked for. */
let kept: { key: string; packer: DeflatePacker; output: Buffer } | undefined;

/** ISA-L's deflate: several times as fast as zlib's, to 5 to 9 % more bytes. */
export function isalBlock(file: string): DeflateBlock {
  return (block, level, sink) => {
    const key = `${level} ${file}`;
    const room = deflateBound(block.length);
    if (kept?.key !== key) kept = { key, packer: openIsal(file, level), output: Buffer.alloc(0) };
    if (kept.output.length < room) kept.output = Buffer.allocUnsafeSlow(room);
    sink(kept.output.subarray(0, kept.packer.pack(block, kept.output)));
  };
}
