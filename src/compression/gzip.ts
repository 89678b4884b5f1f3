import { createRequire } from 'node:module';
import zlib from 'node:zlib';
import type * as Minizlib from 'minizlib';
import type * as Pako from 'pako';
import type { ByteSink, Decoder, ExpansionLimits } from './codec.ts';
import { invalidStream, meter } from './expansion.ts';

/** Packs one block to raw deflate that ends on a byte and refers to nothing before it, without a final bit. */
export type DeflateBlock = (block: Buffer, level: number, sink: ByteSink) => void;

/**
 * Input of one call of the decoder, which can make 1032 times as much of it: 64 KiB give 66 MB at most, held at once.
 * A stream that has shown such growth gets the small slice.
 */
const SLICE = 64 * 1024;
const SMALL_SLICE = 16 * 1024;
const SUSPICIOUS_RATIO = 64;
/**
 * The decoder's own output buffer. A 49 MB layer of 128 MB: 0.29 s with zlib's usual 16 KiB, 0.24 s with 256 KiB (and
 * 0.22 s for zlib's handle without minizlib around it); zstd's decoder takes 0.12 s for the same layer.
 */
const OUTPUT = 256 * 1024;

const PAKO_OUTPUT = 64 * 1024;

const require = createRequire(import.meta.url);

/**
 * Unpacks any number of gzip members as one stream. zlib itself goes on from member to member and checks CRC and size;
 * it stops for good at a zero byte between them, which is padding, so all that follows has to be zeros here.
 */
export function gzipDecoder(sink: ByteSink, limits: ExpansionLimits): Decoder {
  const { Gunzip } = require('minizlib') as typeof Minizlib;
  const gunzip = new Gunzip({ chunkSize: OUTPUT } as Minizlib.ZlibOptions);
  const counted = meter(sink, limits);
  let failure: unknown;
  let padded = false;
  gunzip.on('data', counted.emit);
  gunzip.on('error', (error) => {
    failure = error;
  });

  const inflate = (slice: Buffer): void => {
    counted.packed += slice.length;
    gunzip.write(slice);
    if (failure !== undefined) throw invalid(failure);
    const used = gunzip.handle?.bytesWritten ?? 0;
    if (used === slice.length) return;
    padded = true;
    checkPadding(slice.subarray(used));
  };

  return {
    write(chunk) {
      for (let at = 0; at < chunk.length;) {
        if (padded) return checkPadding(chunk.subarray(at));
        const grown = counted.unpacked > counted.packed * SUSPICIOUS_RATIO;
        const slice = chunk.subarray(at, at + (grown ? SMALL_SLICE : SLICE));
        inflate(slice);
        at += slice.length;
      }
    },
    end() {
      // only the call that says "finish" notices a stream that was cut off
      gunzip.end();
      gunzip.close();
      if (failure !== undefined) throw invalid(failure);
    },
  };
}

function invalid(cause: unknown): Error {
  return invalidStream('gzip', cause instanceof Error ? cause.message : String(cause), cause);
}

function checkPadding(bytes: Buffer): void {
  if (bytes.some((byte) => byte !== 0)) throw invalidStream('gzip', 'something follows its end');
}

/** zlib's deflate, as fast as this machine can; its bytes may differ on a machine with another processor. */
export const zlibBlock: DeflateBlock = (block, level, sink) => {
  sink(zlib.deflateRawSync(block, { level, finishFlush: zlib.constants.Z_FULL_FLUSH }));
};

/** The same format from JavaScript, with the same bytes on every machine, at about a quarter of the speed. */
export function pakoBlock(): DeflateBlock {
  const { Deflate, Z_FULL_FLUSH } = require('pako') as typeof Pako;
  return (block, level, sink) => {
    const deflate = new Deflate({ level, raw: true, chunkSize: PAKO_OUTPUT });
    deflate.onData = (chunk) => sink(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    deflate.push(block, Z_FULL_FLUSH);
  };
}
