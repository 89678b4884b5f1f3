import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type BoltBucket, openBolt } from '../../../src/formats/docker-root/containerd/bbolt.ts';
import { fnv1a } from '../../../src/formats/docker-root/containerd/bbolt-meta.ts';
import { isEngineError } from '../../../src/errors/kinds.ts';
import { type BoltOptions, type BoltTree, boltMeta, sumMeta, writeBolt } from '../../support/bolt-writer.ts';

const many = (count: number): BoltTree =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`key-${index}`, `value ${index}`]));

const TREE: BoltTree = {
  empty: {},
  few: { a: 'one', b: '', ключ: 'ж' },
  deep: { under: { ground: many(3), note: 'here' }, value: 'v' },
  many: many(700),
  big: { large: Buffer.alloc(20_000, 'x'), small: 's' },
};

/** Everything in a bucket, as it was described. */
function contents(bucket: BoltBucket): BoltTree {
  const tree: BoltTree = {};
  for (const key of bucket.keys()) tree[key] = bucket.value(key)!.toString();
  for (const name of bucket.bucketNames()) tree[name] = contents(bucket.bucket(name)!);
  return tree;
}

function asTexts(tree: BoltTree): BoltTree {
  const texts = Object.entries(tree).map(([key, value]): [string, string | BoltTree] => {
    if (Buffer.isBuffer(value)) return [key, value.toString()];
    return [key, typeof value === 'string' ? value : asTexts(value)];
  });
  return Object.fromEntries(texts);
}

const read = (bytes: Buffer): BoltTree => contents(openBolt(bytes, 'meta.db'));

function problemOf(bytes: Buffer): string {
  try {
    read(bytes);
    return 'none';
  } catch (error) {
    if (!isEngineError(error)) throw error;
    expect(error.code).toBe('ARCHIVE_INVALID');
    expect(error.details).toEqual({ member: 'meta.db' });
    return error.message;
  }
}

describe('a bbolt database', () => {
  it.each<BoltOptions>([
    {},
    { perPage: 3 },
    { inlineBytes: 0 },
    { pageSize: 1024, perPage: 7 },
    { pageSize: 16384 },
    { pageSize: 65536, inlineBytes: 0, perPage: 5 },
  ])('gives back what was written into it, with %j', (options) => {
    expect(read(writeBolt(TREE, options))).toEqual(asTexts(TREE));
  });

  it('finds values and buckets by name, and nothing where nothing is', () => {
    const root = openBolt(writeBolt(TREE, { perPage: 4 }), 'meta.db');
    expect(root.at('deep', 'under')?.value('note')?.toString()).toBe('here');
    expect(root.at('few')?.value('ключ')?.toString()).toBe('ж');
    expect(root.at('deep')).toBe(root.bucket('deep'));
    expect(root.value('deep')).toBeNull();
    expect(root.at('deep')?.bucket('value')).toBeNull();
    expect(root.at('deep', 'nowhere', 'under')).toBeNull();
    expect(root.bucket('many')?.keys().slice(0, 3)).toEqual(['key-0', 'key-1', 'key-10']);
  });

  it('hashes as FNV-1a does', () => {
    expect(fnv1a(Buffer.from(''))).toBe(0xcbf29ce484222325n);
    expect(fnv1a(Buffer.from('a'))).toBe(0xaf63dc4c8601ec8cn);
    expect(fnv1a(Buffer.from('foobar'))).toBe(0x85944171f73967e8n);
  });
});

describe('the meta pages', () => {
  /** Two states of a database: the second page has the newer one. */
  function twoStates(pageSize: number): Buffer {
    const bytes = writeBolt({ bucket: { a: 'new' } }, { pageSize, inlineBytes: 0 });
    const pages = bytes.length / pageSize;
    const old = Buffer.alloc(pageSize);
    old.writeBigUInt64LE(BigInt(pages), 0);
    old.writeUInt16LE(2, 8);
    boltMeta(0, pageSize, pages, pages + 1, 8n).copy(bytes, 0);
    boltMeta(1, pageSize, pages - 1, pages, 9n).copy(bytes, pageSize);
    return Buffer.concat([bytes, old]);
  }

  it.each([1024, 4096, 16384, 65536])('the newer whole one counts, with pages of %i bytes', (pageSize) => {
    const bytes = twoStates(pageSize);
    expect(read(bytes)).toEqual({ bucket: { a: 'new' } });
    const torn = Buffer.from(bytes);
    torn[pageSize + 60]! ^= 1;
    expect(read(torn)).toEqual({});
    const first = Buffer.from(bytes);
    first.fill(0, 0, 100);
    expect(read(first)).toEqual({ bucket: { a: 'new' } });
    torn.fill(0, 0, 100);
    expect(problemOf(torn)).toContain('neither of its meta pages is whole');
  });

  it.each([
    ['of another version', 20, 3],
    ['with pages of no usual size', 24, 4097],
    ['that is none', 16, 0xdeadbeef],
  ])('refuses one %s', (_, at, value) => {
    const bytes = writeBolt(TREE).subarray(0, 4096);
    bytes.writeUInt32LE(value, at);
    sumMeta(bytes);
    expect(problemOf(bytes)).toContain('neither of its meta pages is whole');
  });

  it.each([0, 1, 79, 80, 4096, 8192, 12288])('of a file that ends after %i bytes is no crash', (length) => {
    expect(problemOf(writeBolt(TREE).subarray(0, length))).not.toBe('none');
  });
});

describe('damage', () => {
  const PAGE = 1024;
  /** Page 3 is the leaf with the values, page 4 the root. */
  const small = (): Buffer => writeBolt({ b: { a: 'one', c: 'two' } }, { pageSize: PAGE, inlineBytes: 0 });
  const changed = (change: (bytes: Buffer) => void): string => {
    const bytes = small();
    change(bytes);
    return problemOf(bytes);
  };
  const [leaf, root] = [3 * PAGE, 4 * PAGE];

  it('is none at first', () => {
    expect(changed(() => {})).toBe('none');
  });

  it.each<[string, (bytes: Buffer) => void]>([
    ['is neither a branch nor a leaf', (bytes) => bytes.writeUInt16LE(0x10, leaf + 8)],
    ['says it is another one', (bytes) => bytes.writeBigUInt64LE(9n, leaf)],
    ['goes on behind the end', (bytes) => bytes.writeUInt32LE(0xffffffff, leaf + 12)],
    ['is in two places', (bytes) => bytes.writeUInt32LE(1, leaf + 12)],
    ['is too short for its elements', (bytes) => bytes.writeUInt16LE(64, leaf + 10)],
    ['has an element that is not inside it', (bytes) => bytes.writeUInt32LE(0xffffffff, leaf + 20)],
    ['has an element that is not inside it', (bytes) => bytes.writeUInt32LE(0xffffffff, leaf + 28)],
    ['has an element that is not inside it', (bytes) => bytes.writeUInt32LE(0, leaf + 24)],
    ['no value and no bucket', (bytes) => bytes.writeUInt32LE(2, leaf + 16)],
    ['has a key that is no text', (bytes) => bytes.writeUInt8(0xff, leaf + 52)],
    ['is out of order', (bytes) => bytes.write('z', leaf + 48)],
    ['has no page 5', (bytes) => bytes.writeBigUInt64LE(5n, root + 33)],
    ['has no page 1', (bytes) => bytes.writeBigUInt64LE(1n, root + 33)],
    ['has no page 18446744073709551615', (bytes) => bytes.writeBigUInt64LE(2n ** 64n - 1n, root + 33)],
    ['is in two places', (bytes) => bytes.writeBigUInt64LE(4n, root + 33)],
    ['has no header', (bytes) => bytes.writeUInt32LE(3, root + 28)],
    ['has no header', (bytes) => bytes.writeBigUInt64LE(0n, root + 33)],
  ])('%s', (problem, change) => {
    expect(changed(change)).toContain(problem);
  });

  it('of a branch: in circles, or to nowhere', () => {
    const bytes = writeBolt(many(12), { pageSize: PAGE, perPage: 4 });
    const top = bytes.length - PAGE;
    const loop = Buffer.from(bytes);
    loop.writeBigUInt64LE(BigInt(top / PAGE), top + 24);
    expect(problemOf(loop)).toContain('is in two places');
    const none = Buffer.from(bytes);
    none.writeUInt16LE(0, top + 10);
    expect(problemOf(none)).toContain('leads nowhere');
    const twice = Buffer.from(bytes);
    twice.writeBigUInt64LE(3n, top + 40);
    expect(problemOf(twice)).toContain('is in two places');
  });

  it('ends a chain of branches that is too deep', () => {
    const pages = Array.from({ length: 80 }, (_, index) => {
      const page = Buffer.alloc(PAGE);
      page.writeBigUInt64LE(BigInt(index + 2), 0);
      page.writeUInt16LE(1, 8);
      page.writeUInt16LE(1, 10);
      page.writeUInt32LE(16, 16);
      page.writeUInt32LE(1, 20);
      page.writeBigUInt64LE(BigInt(index + 3), 24);
      return page;
    });
    const metas = [0, 1].map((page) => boltMeta(page, PAGE, 2, 82, BigInt(page + 1)));
    expect(problemOf(Buffer.concat([...metas, ...pages]))).toContain('more than 64 deep');
  });

  it('of any one byte or bit gives the old content, another one, or a typed error', () => {
    const tree = { v1: { moby: many(9), k8s: { images: many(3) } } };
    const bytes = writeBolt(tree, { pageSize: PAGE, perPage: 4, inlineBytes: 100 });
    const seen = new Set<string>();
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        bytes[at]! ^= flip;
        seen.add(createHash('sha1').update(problemOf(bytes)).digest('hex'));
        bytes[at]! ^= flip;
      }
    }
    expect(seen.size).toBeGreaterThan(10);
    expect(read(bytes)).toEqual(tree);
  });
});
