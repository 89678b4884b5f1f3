import type { CompressionProfile } from './codec.ts';
import { pakoVersion } from './pako-block.ts';
import { zstdVersion } from './zstd.ts';

/**
 * A profile in one word, for results: implementation and version, level, and how the input is cut (`b` blocks of one
 * gzip member, `m` gzip members, `f` zstd frames), such as `gzip:zlib/1.3.1:l4:b1M` or `zstd/1.5.6:l3:f8M`. Whoever
 * packs the same tar by the same profile gets the same bytes; of gzip, but for pako, on the same kind of processor.
 * What every profile of an implementation has in common is not in it: zlib's memory level 9, zstd's window of a whole frame.
 */
export function profileText({ implementation, level, library }: CompressionProfile): string {
  switch (implementation) {
    case 'none':
      return 'none';
    case 'zlib':
      return `gzip:zlib/${process.versions.zlib}:l${level}:b1M`;
    case 'pako':
      return `gzip:pako/${pakoVersion()}:l${level}:b1M`;
    case 'libdeflate':
      return `gzip:libdeflate/${library?.version}:l${level}:m1M`;
    case 'isal':
      return `gzip:isal/${library?.version}:l${level}:b1M`;
    case 'zstd':
      return `zstd/${zstdVersion()}:l${level}:f8M`;
  }
}
