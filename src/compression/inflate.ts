import type { ByteSink } from './codec.ts';
import { invalidStream } from './expansion.ts';

/** Begins to unpack gzip members one after the other; `sink` gets what they hold, through a buffer of `outputBytes`. */
export type Inflate = (sink: ByteSink, outputBytes: number) => Inflater;

/** Throws COMPRESSION_INVALID for a damaged stream, and what the sink throws. */
interface Inflater {
  /** Answers how many bytes it left: what begins with a zero byte behind a member is no member. */
  write(slice: Buffer): number;
  /** Must be called once all is written: only then is it seen that a stream was cut off. */
  end(): void;
}

/** The error of a gzip stream, for the reason that a library gives. */
export function invalidGzip(cause: unknown): Error {
  return invalidStream('gzip', cause instanceof Error ? cause.message : String(cause), cause);
}
