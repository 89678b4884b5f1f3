import { engineError } from '../errors/kinds.ts';
import type { ByteSink, Compression, ExpansionLimits } from './codec.ts';

/** Below this much output the ratio says nothing: a small archive of zeros is no attack. */
const RATIO_FROM = 64 * 1024 * 1024;

/** Counts what a decoder takes in and gives out. */
export interface Meter {
  packed: number;
  readonly unpacked: number;
  /** Gives unpacked bytes on, or throws LIMIT_EXCEEDED in their place. */
  emit: ByteSink;
}

export function meter(sink: ByteSink, limits: ExpansionLimits): Meter {
  let unpacked = 0;
  const state: Meter = {
    packed: 0,
    get unpacked() {
      return unpacked;
    },
    emit(chunk) {
      unpacked += chunk.length;
      checkExpansion(state.packed, unpacked, limits);
      sink(chunk);
    },
  };
  return state;
}

/** Throws LIMIT_EXCEEDED when so much unpacked from so little packed is over the bounds. */
export function checkExpansion(packed: number, unpacked: number, limits: ExpansionLimits): void {
  if (unpacked > limits.outputBytes) {
    const message = `the stream unpacks to more than ${limits.outputBytes} bytes (limit layerBytes)`;
    throw engineError('LIMIT_EXCEEDED', message, { limit: 'layerBytes', allowed: limits.outputBytes });
  }
  if (unpacked > RATIO_FROM && unpacked > packed * limits.ratio) {
    const message = `the stream unpacks to more than ${limits.ratio} times its size (limit expansionRatio)`;
    throw engineError('LIMIT_EXCEEDED', message, { limit: 'expansionRatio', allowed: limits.ratio });
  }
}

/** The error of a packed stream that is damaged, cut off, or followed by what does not belong to it. */
export function invalidStream(compression: Compression, reason: string, cause?: unknown): Error {
  const message = `the ${compression} stream is damaged: ${reason}; fetch or save it again`;
  return engineError('COMPRESSION_INVALID', message, { compression }, cause);
}
