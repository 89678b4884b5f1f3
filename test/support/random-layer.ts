import type { Random } from './random.ts';
import {
  dir,
  type EntryFields,
  fifo,
  file,
  hardlink,
  type PaxFields,
  paxGlobal,
  symlink,
  tar,
  zeros,
} from './tar-fixture.ts';

/** Few names, so that entries of one layer and of several meet; most that are passed through are directories. */
const DIRECTORIES = ['a', 'caf\xe9'];
const LEAVES = ['f', '.g', 'h i', 'link', 'many'];
/** Around the edges of blocks and of what is read at once. */
const SIZES = [0, 0, 1, 3, 511, 512, 513, 1023, 1024, 5000, 65_536, 262_143, 262_145];

/**
 * The tar of a layer with duplicates, replacements and odd bodies: well-formed, though what it asks for need not be
 * possible (a file below a file, a link to nothing).
 */
export function randomLayer(random: Random): Buffer {
  const pieces: Buffer[] = [];
  const files: string[] = [];
  if (random.chance(0.1)) pieces.push(paxGlobal({ comment: 'a layer' }));
  for (let left = 1 + random.below(20); left > 0; left -= 1) pieces.push(randomEntry(random, files));
  const trailing = random.chance(0.2) ? random.bytes(random.below(2000)) : Buffer.alloc(0);
  return Buffer.concat([tar(pieces, random.pick([2, 2, 3, 20])), trailing]);
}

function randomEntry(random: Random, files: string[]): Buffer {
  const path = randomPath(random);
  const fields = randomFields(random);
  // Each kind may stand at a name that the layer has already.
  switch (random.below(10)) {
    case 0:
    case 1:
      return dir(`${path}/`, { ...fields, mode: 0o755 });
    case 2:
      return symlink(path, random.pick(['a', '../a', '/a/f', 'nowhere', '.']), fields);
    case 3:
      return hardlink(path, files.length > 0 ? random.pick(files) : randomPath(random), fields);
    case 4:
      return whiteout(random, path);
    case 5:
      return random.chance(0.3) ? fifo(path, fields) : sparse(random, path);
    default:
      return randomFile(random, path, files, fields);
  }
}

function randomFile(random: Random, path: string, files: string[], fields: EntryFields): Buffer {
  const size = random.pick(SIZES);
  files.push(path);
  return file(path, random.bytes(size), { ...fields, ...oddPadding(random, size) });
}

function randomPath(random: Random): string {
  const above = Array.from({ length: random.below(3) }, () => random.pick(DIRECTORIES));
  return [...above, random.pick(random.chance(0.06) ? DIRECTORIES : LEAVES)].join('/');
}

function randomFields(random: Random): EntryFields {
  const times: PaxFields = { mtime: `${random.below(2 ** 31)}.${random.below(1e9)}` };
  return {
    mode: 0o600 | random.below(0o200),
    mtime: random.below(2 ** 31),
    magic: random.pick(['ustar', 'ustar', 'gnu', 'v7']),
    ...(random.chance(0.2) ? { pax: { ...times, 'LAYERMILL.odd': random.bytes(10) } } : {}),
    ...(random.chance(0.1) ? { uname: 'somebody', gname: 'some', devMinor: 7 } : {}),
  };
}

/** Padding is of the archive, not of the file, and need not be zeros. */
function oddPadding(random: Random, size: number): EntryFields {
  return random.chance(0.2) ? { padding: random.bytes(-size & 511) } : {};
}

function whiteout(random: Random, path: string): Buffer {
  const at = path.lastIndexOf('/') + 1;
  const name = random.chance(0.2) ? '.wh..wh..opq' : `.wh.${path.slice(at)}`;
  // Its body becomes no file, and must come back all the same.
  return file(path.slice(0, at) + name, random.bytes(random.chance(0.3) ? random.pick(SIZES) : 0));
}

/** A hole, some bytes, and a hole, in the format of GNU tar 1.0. */
function sparse(random: Random, path: string): Buffer {
  const data = random.bytes(512 * (1 + random.below(3)));
  const map = Buffer.concat([Buffer.from(`1\n4096\n${data.length}\n`), zeros(1)]).subarray(0, 512);
  return file('GNUSparseFile.0/x', Buffer.concat([map, data]), {
    pax: {
      'GNU.sparse.major': '1',
      'GNU.sparse.minor': '0',
      'GNU.sparse.name': path,
      'GNU.sparse.realsize': String(4096 + data.length + random.below(5000)),
    },
  });
}
