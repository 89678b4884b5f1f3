import { type GzipPacker, memberBound, openLibdeflate } from '../system/libdeflate.ts';
import { blocks } from './blocks.ts';
import type { ByteSink, PartEncoder } from './codec.ts';

/** Input of one member. libdeflate ends every stream, so a block cannot share its member with others (18 bytes each). */
const MEMBER_BYTES = 1024 * 1024;

/** One a thread, because its memory (up to 9 MB) is freed by whoever asked for it only. */
let kept: { key: string; packer: GzipPacker; output: Buffer } | undefined;

function packerOf(file: string, level: number): (block: Buffer, sink: ByteSink) => void {
  const key = `${level} ${file}`;
  if (kept?.key !== key) {
    kept?.packer.close();
    kept = undefined;
    kept = { key, packer: openLibdeflate(file, level), output: Buffer.allocUnsafeSlow(memberBound(MEMBER_BYTES)) };
  }
  const { packer, output } = kept;
  return (block, sink) => sink(output.subarray(0, packer.pack(block, output)));
}

/** Gzip members (RFC 1952), cut at fixed offsets; readers take them for one stream. */
export function libdeflateParts(file: string, level: number): PartEncoder {
  const nothing = Buffer.alloc(0);
  return {
    head: nothing,
    part(sink, last) {
      let empty = true;
      const cut = blocks(MEMBER_BYTES, (block) => {
        empty = false;
        packerOf(file, level)(block, sink);
      });
      return {
        write: cut.write,
        end() {
          cut.end();
          // a file without any member is no gzip
          if (last && empty) packerOf(file, level)(nothing, sink);
          return 0;
        },
      };
    },
    tail: () => nothing,
  };
}
