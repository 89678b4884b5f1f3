import zlib from 'node:zlib';
import { type Inflate, invalidGzip } from './inflate.ts';
import { handlesWork, openHandle } from './zlib-handle.ts';

const { Z_NO_FLUSH, Z_FINISH } = zlib.constants;
const NOTHING = Buffer.alloc(0);

let trusted: boolean | undefined;

/** zlib itself, through one buffer of output whatever the input; undefined where its handle is not what is known. */
export function zlibInflate(): Inflate | undefined {
  trusted ??= handlesWork(unpacks);
  return trusted ? inflate : undefined;
}

const inflate: Inflate = (sink, outputBytes) => {
  const handle = openHandle(zlib.createGunzip());
  const output = Buffer.allocUnsafeSlow(outputBytes);
  const advance = (flush: number, slice: Buffer, at: number): void => {
    try {
      handle.step(flush, slice, at, output, 0, outputBytes);
    } catch (error) {
      throw invalidGzip(error);
    }
  };
  const step = (flush: number, slice: Buffer, at: number): void => {
    try {
      advance(flush, slice, at);
      if (handle.roomLeft < outputBytes) sink(output.subarray(0, outputBytes - handle.roomLeft));
    } catch (error) {
      // its memory would wait for the collector
      handle.close();
      throw error;
    }
  };
  return {
    write(slice) {
      step(Z_NO_FLUSH, slice, 0);
      while (handle.roomLeft === 0) step(Z_NO_FLUSH, slice, slice.length - handle.inputLeft);
      return handle.inputLeft;
    },
    end() {
      step(Z_FINISH, NOTHING, 0);
      handle.close();
    },
  };
};

/** Two members and padding are unpacked, a wrong checksum and a stream that was cut off are noticed. */
function unpacks(): boolean {
  const text = Buffer.from('a layer '.repeat(1000));
  const packed = zlib.gzipSync(text);
  const twice = Buffer.concat([packed, packed, Buffer.alloc(9)]);
  const wrong = Buffer.from(packed);
  wrong.writeUInt32LE(0, packed.length - 8);
  return (
    unpacked(twice, 9)?.equals(Buffer.concat([text, text])) === true &&
    unpacked(wrong, 0) === undefined &&
    unpacked(packed.subarray(0, -1), 0) === undefined
  );
}

/** Undefined for what is refused, and for another number of bytes left than expected. */
function unpacked(packed: Buffer, expectedLeft: number): Buffer | undefined {
  const made: Buffer[] = [];
  const inflater = inflate((bytes) => made.push(Buffer.from(bytes)), 1000);
  try {
    const left = inflater.write(packed);
    inflater.end();
    return left === expectedLeft ? Buffer.concat(made) : undefined;
  } catch {
    return undefined;
  }
}
