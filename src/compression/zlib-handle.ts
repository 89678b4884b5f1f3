import type zlib from 'node:zlib';

/** zlib without Node's stream around it: a call does its work before it returns, into a buffer of the caller. */
export interface ZlibHandle {
  /** Gives zlib what `input` has from `at` on, and `room` bytes of `output` from `from` on. Throws what zlib says. */
  step(flush: number, input: Buffer, at: number, output: Buffer, from: number, room: number): void;
  /** Bytes of `input` that the last step has not taken. */
  readonly inputLeft: number;
  /** Bytes of `room` that the last step has not filled. */
  readonly roomLeft: number;
  /** Begins anew, with the memory it has. */
  reset(): void;
  close(): void;
}

/** What Node's streams keep to themselves; it has been the same since Node 12. */
interface Internals {
  _handle: {
    writeSync(
      flush: number,
      input: Buffer,
      at: number,
      length: number,
      output: Buffer,
      from: number,
      room: number,
    ): void;
    reset(): void;
    onerror: (message: string) => void;
  };
  /** Room left and input left; not written when a step fails. */
  _writeState: Uint32Array;
}

/**
 * The releases of Node that this was tried with. On another one a changed argument could end the process where no
 * self-test would see it.
 */
const TRIED = /^2[0-4]\./;

/** Whether the self-test passes here; what it throws counts as no. */
export function handlesWork(selfTest: () => boolean): boolean {
  if (!TRIED.test(process.versions.node)) return false;
  try {
    return selfTest();
  } catch {
    return false;
  }
}

export function openHandle(stream: zlib.DeflateRaw | zlib.Gunzip): ZlibHandle {
  const { _handle: handle, _writeState: state } = stream as unknown as Internals;
  let failure: string | undefined;
  // the stream's own listener would destroy the stream and keep the error to itself
  handle.onerror = (message) => {
    failure = message;
  };
  return {
    step(flush, input, at, output, from, room) {
      handle.writeSync(flush, input, at, input.length - at, output, from, room);
      if (failure !== undefined) throw new Error(failure);
    },
    get inputLeft() {
      return state[1] ?? 0;
    },
    get roomLeft() {
      return state[0] ?? 0;
    },
    reset() {
      failure = undefined;
      handle.reset();
    },
    close: () => stream.close(),
  };
}
