import type { ByteSink, Decoder, ExpansionLimits, PartEncoder } from './codec.ts';
import { checkExpansion } from './expansion.ts';

/** Bytes as they are, up to the limit. */
export function plainDecoder(sink: ByteSink, limits: ExpansionLimits): Decoder {
  let size = 0;
  return {
    write(chunk) {
      size += chunk.length;
      checkExpansion(size, size, limits);
      if (chunk.length > 0) sink(chunk);
    },
    end() {},
  };
}

export function plainParts(): PartEncoder {
  const nothing = Buffer.alloc(0);
  return {
    head: nothing,
    part: (sink) => ({ write: sink, end: () => 0 }),
    tail: () => nothing,
  };
}
