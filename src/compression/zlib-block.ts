import zlib from 'node:zlib';
import type { ByteSink } from './codec.ts';
import type { DeflateBlock } from './gzip-parts.ts';
import { handlesWork, openHandle } from './zlib-handle.ts';

const { Z_FULL_FLUSH } = zlib.constants;

/** Node's own size of output: where a buffer is full while a block ends, zlib may end it twice, which shows in bytes. */
const PIECE = 16 * 1024;
/** So many pieces are given on at once. */
const OUTPUT = 16 * PIECE;

/**
 * zlib's largest tables: an export at level 4 takes 7 % less time than with its default of 8, for 136.2 MB instead of
 * 135.6; skopeo makes 136.7 MB of the same image.
 */
const MEM_LEVEL = 9;

type Deflate = (block: Buffer, sink: ByteSink) => void;

interface Deflater {
  level: number;
  deflate: Deflate;
  close(): void;
}

/** One a thread, because a new one for each block costs a tenth of the time, and unused ones wait for the collector. */
let kept: Deflater | undefined;
let trusted: boolean | undefined;

/** zlib's deflate, as fast as this machine can; its bytes may differ on a machine with another processor. */
export const zlibBlock: DeflateBlock = (block, level, sink) => {
  trusted ??= handlesWork(sameBytes);
  if (!trusted) return sink(deflateAnew(block, level));
  if (kept?.level !== level) {
    kept?.close();
    kept = openDeflater(level);
  }
  kept.deflate(block, sink);
};

function deflateAnew(block: Buffer, level: number): Buffer {
  return zlib.deflateRawSync(block, { level, memLevel: MEM_LEVEL, finishFlush: Z_FULL_FLUSH });
}

function openDeflater(level: number): Deflater {
  const handle = openHandle(zlib.createDeflateRaw({ level, memLevel: MEM_LEVEL }));
  const output = Buffer.allocUnsafeSlow(OUTPUT);
  const deflate: Deflate = (block, sink) => {
    handle.reset();
    let filled = 0;
    let full = true;
    for (let at = 0; full; at = block.length - handle.inputLeft) {
      if (filled === OUTPUT) {
        sink(output);
        filled = 0;
      }
      handle.step(Z_FULL_FLUSH, block, at, output, filled, PIECE);
      filled += PIECE - handle.roomLeft;
      full = handle.roomLeft === 0;
    }
    sink(output.subarray(0, filled));
  };
  return { level, deflate, close: handle.close };
}

/** Two blocks one after the other are what the public function makes of them. */
function sameBytes(): boolean {
  const first = Buffer.from(Array.from({ length: 3 * PIECE }, (_, at) => (at * at) >>> 5));
  const deflater = openDeflater(1);
  const same = [first, first.subarray(7, 5000)].every((block) => {
    const made: Buffer[] = [];
    deflater.deflate(block, (bytes) => made.push(Buffer.from(bytes)));
    return Buffer.concat(made).equals(deflateAnew(block, 1));
  });
  deflater.close();
  return same;
}
