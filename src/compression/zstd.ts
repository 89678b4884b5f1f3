import { createRequire } from 'node:module';
import type * as Binding from 'zstd-napi/binding.js';
import { blocks } from './blocks.ts';
import { type ByteSink, type Decoder, type ExpansionLimits, PART_BYTES, type PartEncoder } from './codec.ts';
import { engineError } from '../errors/kinds.ts';
import { invalidStream, meter } from './expansion.ts';
import { FRAME_HEADER_BYTES, windowOf } from './zstd-frame.ts';

/** Output of one call: zstd's own advice is 128 KiB; twice that halves the calls and costs no time. */
const OUTPUT = 256 * 1024;
/** Windows up to 128 MiB, the bound of zstd's own tool: a frame can make its reader allocate that much. */
const WINDOW_LOG_MAX = 27;
/**
 * Input of one frame of a packed layer, and its window: all of a frame may be referred to from its end. Level 3 alone
 * looks back 2 MiB. A 376 MB image: 110.7 MB, as one single frame of skopeo's (110.2 MB), where 4 MiB frames took
 * 113.2 MB, and 116.0 MB with a window of 2 MiB, all in the same time. Readers need not take windows of more than
 * 8 MiB (RFC 8878, 3.1.1.1.2).
 */
const FRAME_BYTES = PART_BYTES;
const WINDOW_LOG = 23;

const require = createRequire(import.meta.url);
/** Loaded at first use: most threads never see a zstd stream. */
const binding = (): typeof Binding => require('zstd-napi/binding.js') as typeof Binding;

/** Of the library: another one may pack to other bytes. */
export function zstdVersion(): string {
  return binding().versionString();
}

/** Unpacks any number of frames as one stream, skippable ones left out; no frame at all is an empty stream. */
export function zstdDecoder(sink: ByteSink, limits: ExpansionLimits): Decoder {
  const { DCtx, DParameter } = binding();
  const context = new DCtx();
  context.setParameter(DParameter.windowLogMax, WINDOW_LOG_MAX);
  const output = Buffer.allocUnsafe(OUTPUT);
  const counted = meter(sink, limits);
  const frameHead = Buffer.alloc(FRAME_HEADER_BYTES);
  let headLength = 0;
  let inFrame = false;

  const decompress = (rest: Buffer): Binding.StreamResult => {
    if (!inFrame) headLength = 0;
    headLength += rest.copy(frameHead, headLength);
    try {
      return context.decompressStream(output, rest);
    } catch (error) {
      throw refused(frameHead.subarray(0, headLength), error);
    }
  };

  return {
    write(chunk) {
      counted.packed += chunk.length;
      let rest = chunk;
      let full = false;
      while (rest.length > 0 || full) {
        const [hint, written, consumed] = decompress(rest);
        rest = rest.subarray(consumed);
        full = written === output.length && hint !== 0;
        inFrame = hint !== 0;
        if (written > 0) counted.emit(output.subarray(0, written));
      }
    },
    end() {
      if (inFrame) throw invalidStream('zstd', 'it ends in the middle of a frame');
    },
  };
}

/** Why a frame was refused: its window, which is a limit of ours, or what it holds. */
function refused(head: Buffer, cause: unknown): Error {
  const allowed = 2 ** WINDOW_LOG_MAX;
  if (windowOf(head) > allowed) {
    const message = `a zstd frame needs a window of more than ${allowed} bytes to unpack`;
    return engineError('LIMIT_EXCEEDED', message, { limit: 'zstdWindow', allowed }, cause);
  }
  return invalidStream('zstd', cause instanceof Error ? cause.message : String(cause), cause);
}

/** Independent frames, cut at fixed offsets, each with its content's size and checksum. */
export function zstdParts(level: number): PartEncoder {
  const nothing = Buffer.alloc(0);
  return {
    head: nothing,
    part(sink, last) {
      const packer = takePacker(level);
      let empty = true;
      const cut = blocks(
        FRAME_BYTES,
        (block) => {
          empty = false;
          sink(packer.pack(block));
        },
        packer.input,
      );
      return {
        write: cut.write,
        end() {
          cut.end();
          // readers take a file without any frame for a truncated one
          if (last && empty) sink(packer.pack(nothing));
          if (level <= KEPT_LEVEL) idlePacker = packer;
          return 0;
        },
      };
    },
    tail: () => nothing,
  };
}

/** Packs frames at one level, with the memory for it. */
interface FramePacker {
  level: number;
  input: Buffer;
  pack(frame: Buffer): Buffer;
}

/** Up to this level a packer is worth the 30 MB that an idle thread keeps with it; level 19 takes a hundred. */
const KEPT_LEVEL = 9;

/**
 * The one that this thread used last: fresh memory for each part takes 4 ms of 50, and that of a context is freed by the
 * event loop only, which a busy thread never reaches.
 */
let idlePacker: FramePacker | null = null;

function takePacker(level: number): FramePacker {
  const idle = idlePacker;
  idlePacker = null;
  return idle?.level === level ? idle : framePacker(level);
}

function framePacker(level: number): FramePacker {
  const { CCtx, CParameter, compressBound } = binding();
  const context = new CCtx();
  context.setParameter(CParameter.compressionLevel, level);
  context.setParameter(CParameter.windowLog, WINDOW_LOG);
  context.setParameter(CParameter.checksumFlag, 1);
  const output = Buffer.allocUnsafe(compressBound(FRAME_BYTES));
  return {
    level,
    input: Buffer.allocUnsafe(FRAME_BYTES),
    pack: (frame) => output.subarray(0, context.compress2(output, frame)),
  };
}

/** A small compressor for what the store keeps beside layers. */
export interface ZstdStream {
  write(chunk: Buffer): void;
  /** Ends the frame; the next `write` begins another one. */
  end(): void;
}

/** Input of one call: the record of a layer comes in pieces of a few bytes, and a call costs as much as packing 1 KiB. */
const STREAM_INPUT = 128 * 1024;

/** Packs what is written into frames with checksums; `sink` gets bytes that are valid until it returns. */
export function zstdStream(level: number, sink: ByteSink): ZstdStream {
  const { CCtx, CParameter, EndDirective } = binding();
  const context = new CCtx();
  context.setParameter(CParameter.compressionLevel, level);
  context.setParameter(CParameter.checksumFlag, 1);
  const output = Buffer.allocUnsafe(OUTPUT);
  const input = Buffer.allocUnsafe(STREAM_INPUT);
  let used = 0;
  const pack = (chunk: Buffer, how: Binding.EndDirective): void => {
    let rest = chunk;
    for (let left = 1; rest.length > 0 || (how === EndDirective.end && left > 0);) {
      const [remaining, written, consumed] = context.compressStream2(output, rest, how);
      left = remaining;
      rest = rest.subarray(consumed);
      if (written > 0) sink(output.subarray(0, written));
    }
  };
  const flush = (how: Binding.EndDirective): void => {
    const gathered = input.subarray(0, used);
    used = 0;
    pack(gathered, how);
  };
  return {
    write(chunk) {
      if (chunk.length > input.length - used) flush(EndDirective.continue);
      if (chunk.length >= input.length) pack(chunk, EndDirective.continue);
      else used += chunk.copy(input, used);
    },
    end: () => flush(EndDirective.end),
  };
}

/** Unpacks whole frames of together at most `maxBytes`; throws COMPRESSION_INVALID for damaged and for larger ones. */
export function unzstd(packed: Buffer, maxBytes: number): Buffer {
  const output = Buffer.allocUnsafe(maxBytes);
  try {
    return output.subarray(0, binding().decompress(output, packed));
  } catch (error) {
    throw invalidStream('zstd', `it does not unpack to at most ${maxBytes} bytes`, error);
  }
}
