import { engineError } from '../errors/kinds.ts';
import type { Bytes } from '../system/system.ts';
import type { LayerLimits } from './limits.ts';
import type { MetaHeaders } from './meta-headers.ts';
import type { PaxRecords } from './pax.ts';
import { shownName } from './shown-name.ts';
import { paxSparseName } from './sparse-pax.ts';
import { tarInvalid, tarOverLimit } from './tar-error.ts';
import type { EntryType, TarEntry } from './tar-entry.ts';
import { FLAG, headerLinkname, headerName, type HeaderNumbers } from './tar-header.ts';

/** As an unsigned 32-bit id, -1 means "leave the owner alone" to chown. */
const MAX_OWNER = 0xffff_fffe;
/** Linux packs device numbers in 12 and 20 bits. */
const MAX_MAJOR = 0xfff;
const MAX_MINOR = 0xf_ffff;

/**
 * Makes an entry of a header block and the extension headers before it. A GNU long name wins over a pax path, which
 * wins over the header; the name of a sparse pax file over all. `offset` is the block's place in the stream. Sparse files come out as their stored bytes.
 */
export function assembleEntry(
  block: Buffer,
  at: number,
  numbers: HeaderNumbers,
  meta: MetaHeaders,
  limits: LayerLimits,
  offset: number,
): TarEntry {
  const { pax } = meta;
  const name = sparseName(pax) || meta.longName || pax?.path || headerName(block, at, numbers.format);
  const linkname = meta.longLink || pax?.linkpath || headerLinkname(block, at);
  checkPath(name, limits);
  if (linkname.length > limits.pathBytes) throw tarOverLimit('pathBytes', limits.pathBytes, 'link target', name);
  const type = entryType(numbers.flag, name);
  const time = pax?.mtime ?? { sec: numbers.mtime, nsec: 0 };
  const timeFits = Number.isSafeInteger(time.sec);
  const isDevice = type === 'char' || type === 'block';
  if (isDevice) checkDevice(numbers, offset, name);
  return {
    name,
    type,
    mode: numbers.mode & 0o7777,
    uid: owner(pax?.uid ?? numbers.uid, offset, name),
    gid: owner(pax?.gid ?? numbers.gid, offset, name),
    size: type === 'file' ? bodySize(pax?.size ?? numbers.size, numbers.size, offset, name) : 0,
    mtimeSec: timeFits ? time.sec : 0,
    mtimeNsec: timeFits ? time.nsec : 0,
    linkname,
    devMajor: isDevice ? numbers.devMajor : 0,
    devMinor: isDevice ? numbers.devMinor : 0,
    xattrs: pax?.xattrs ?? null,
    sparse: null,
    headerOffset: meta.firstOffset < 0 ? offset : meta.firstOffset,
    bodyOffset: 0,
  };
}

function sparseName(pax: PaxRecords | null): Bytes {
  return pax === null || pax.sparse === null ? '' : paxSparseName(pax.sparse);
}

/** A type that nobody defined must not be skipped: what it stands for would be missing from the tree. */
function entryType(flag: number, name: Bytes): EntryType {
  switch (flag) {
    case FLAG.nul:
      return name.endsWith('/') ? 'dir' : 'file';
    case FLAG.file:
    case FLAG.contiguous:
    case FLAG.gnuSparse:
      return 'file';
    case FLAG.hardlink:
      return 'hardlink';
    case FLAG.symlink:
      return 'symlink';
    case FLAG.char:
      return 'char';
    case FLAG.block:
      return 'block';
    case FLAG.dir:
      return 'dir';
    case FLAG.fifo:
      return 'fifo';
  }
  const type = shownName(String.fromCharCode(flag));
  const entry = shownName(name);
  throw engineError('ENTRY_TYPE_INVALID', `entry "${entry}" has the type "${type}", which no layer may contain`, {
    entry,
    type,
  });
}

function owner(id: number, offset: number, name: Bytes): number {
  if (id >= 0 && id <= MAX_OWNER) return id;
  throw tarInvalid(`the owner ${id} is not between 0 and ${MAX_OWNER}`, offset, name);
}

function bodySize(size: number, inHeader: number, offset: number, name: Bytes): number {
  if (size < 0 || inHeader < 0) throw tarInvalid('the size is negative', offset, name);
  if (!Number.isSafeInteger(size)) throw tarInvalid('the size is beyond 2^53', offset, name);
  return size;
}

function checkDevice({ devMajor, devMinor }: HeaderNumbers, offset: number, name: Bytes): void {
  if (devMajor >= 0 && devMajor <= MAX_MAJOR && devMinor >= 0 && devMinor <= MAX_MINOR) return;
  throw tarInvalid(`the device number ${devMajor}:${devMinor} does not exist on Linux`, offset, name);
}

function checkPath(name: Bytes, limits: LayerLimits): void {
  // A name this short can break no limit; nearly all are.
  if (name.length <= Math.min(limits.componentBytes, limits.depth, limits.pathBytes)) return;
  let depth = 0;
  let length = 0;
  for (const component of name.split('/')) {
    if (component === '' || component === '.') continue;
    if (component.length > limits.componentBytes)
      throw tarOverLimit('componentBytes', limits.componentBytes, 'path', name);
    depth += 1;
    length += component.length + 1;
  }
  if (length - 1 > limits.pathBytes) throw tarOverLimit('pathBytes', limits.pathBytes, 'path', name);
  if (depth - 1 > limits.depth) throw tarOverLimit('depth', limits.depth, 'directories in the path', name);
}
