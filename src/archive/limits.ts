import type { ExpansionLimits } from '../compression/codec.ts';

/** Bounds on what one layer may cost; each is refused with LIMIT_EXCEEDED before it is spent. */
export interface LayerLimits {
  /** Entries in one layer. */
  entries: number;
  /** Bytes of one path or link target, and of one component. */
  pathBytes: number;
  componentBytes: number;
  /** Directories in one path. */
  depth: number;
  /** Bytes of one pax, long-name or sparse-map body. */
  metaBytes: number;
  /** Unpacked bytes of one layer, and the logical size of its sparse files. */
  layerBytes: number;
  /** Unpacked over packed bytes, looked at once the output has passed 64 MiB. */
  expansionRatio: number;
}

/** Upstream's numbers where there are any: Go and libarchive refuse a meta body over 1 MiB, Linux a path over 4 KiB. */
export const DEFAULT_LIMITS: LayerLimits = {
  entries: 2_000_000,
  pathBytes: 4095,
  componentBytes: 255,
  depth: 1024,
  metaBytes: 1024 * 1024,
  layerBytes: 64 * 1024 ** 3,
  expansionRatio: 1000,
};

/** The bounds of a decoder for one layer. */
export function expansionLimits(limits: LayerLimits): ExpansionLimits {
  return { outputBytes: limits.layerBytes, ratio: limits.expansionRatio };
}
