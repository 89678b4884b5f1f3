import { boltInvalid, type BoltMeta, METAS_WITHIN, newestMeta, PAGE_HEADER } from './bbolt-meta.ts';

const BRANCH = 0x01;
const LEAF = 0x02;
const BUCKET = 0x01;
const ELEMENT = 16;
const BUCKET_HEADER = 16;
/** bbolt's own bound on keys. */
const KEY_BYTES = 32768;
/** Pages below one another in one bucket; every one of them has at least two children in what bbolt writes. */
const TREE_DEPTH = 64;

interface Entry {
  isBucket: boolean;
  value: Buffer;
}

/** The page of a bucket: its bytes with all overflow, and what its header says. */
interface Page {
  bytes: Buffer;
  flags: number;
  count: number;
  /** For messages. */
  called: string;
}

/**
 * Opens a bbolt database (go.etcd.io/bbolt, internal/common: page.go, meta.go, bucket.go) that is whole in memory.
 * Every offset is checked, and a page is part of one bucket only, so that no file makes this loop or grow.
 * Throws ARCHIVE_INVALID, here and wherever a bucket is read; `file` names it in messages.
 */
export function openBolt(bytes: Buffer, file: string): BoltBucket {
  const meta = newestMeta(bytes.subarray(0, METAS_WITHIN), file);
  return BoltBucket.root(new BoltPages(bytes, file, meta), meta.root);
}

/** Keys and values, and buckets inside; read from its pages when it is first asked for something. */
export class BoltBucket {
  readonly #pages: BoltPages;
  readonly #load: () => Map<string, Entry>;
  #entries: Map<string, Entry> | null = null;
  readonly #buckets = new Map<string, BoltBucket>();

  private constructor(pages: BoltPages, load: () => Map<string, Entry>) {
    this.#pages = pages;
    this.#load = load;
  }

  static root(pages: BoltPages, page: bigint): BoltBucket {
    return new BoltBucket(pages, () => pages.tree(page));
  }

  /** The keys that have values, in the order of their bytes. */
  keys(): string[] {
    return this.#named(false);
  }

  /** The keys that have buckets, in the order of their bytes. */
  bucketNames(): string[] {
    return this.#named(true);
  }

  value(key: string): Buffer | null {
    const entry = this.#all.get(key);
    return entry === undefined || entry.isBucket ? null : entry.value;
  }

  bucket(name: string): BoltBucket | null {
    const known = this.#buckets.get(name);
    if (known !== undefined) return known;
    const entry = this.#all.get(name);
    if (entry === undefined || !entry.isBucket) return null;
    const bucket = this.#inside(entry.value, name);
    this.#buckets.set(name, bucket);
    return bucket;
  }

  /** The bucket at the end of a path; null when any of it is missing. */
  at(...names: string[]): BoltBucket | null {
    return names.reduce<BoltBucket | null>((bucket, name) => bucket?.bucket(name) ?? null, this);
  }

  get #all(): Map<string, Entry> {
    this.#entries ??= this.#load();
    return this.#entries;
  }

  #named(isBucket: boolean): string[] {
    return [...this.#all].filter(([, entry]) => entry.isBucket === isBucket).map(([key]) => key);
  }

  /** A small bucket has its only page in its value, behind the header. */
  #inside(value: Buffer, name: string): BoltBucket {
    const pages = this.#pages;
    if (value.length < BUCKET_HEADER) throw pages.invalid(`the bucket ${JSON.stringify(name)} has no header`);
    const root = value.readBigUInt64LE(0);
    if (root !== 0n) return BoltBucket.root(pages, root);
    return new BoltBucket(pages, () => pages.inline(value.subarray(BUCKET_HEADER), name));
  }
}

/** The pages of a file. */
class BoltPages {
  readonly #bytes: Buffer;
  readonly #file: string;
  readonly #pageSize: number;
  readonly #highWater: number;
  /** Pages that belong to a bucket that was read. */
  readonly #taken: Uint8Array;

  constructor(bytes: Buffer, file: string, { pageSize, highWater }: BoltMeta) {
    this.#bytes = bytes;
    this.#file = file;
    this.#pageSize = pageSize;
    const there = Math.floor(bytes.length / pageSize);
    this.#highWater = highWater < BigInt(there) ? Number(highWater) : there;
    this.#taken = new Uint8Array(this.#highWater);
  }

  invalid(problem: string): Error {
    return boltInvalid(this.#file, problem);
  }

  /** Everything in the bucket whose root is a page. */
  tree(root: bigint): Map<string, Entry> {
    const entries = new Map<string, Entry>();
    this.#readTree(root, 1, new Leaves(this, entries));
    return entries;
  }

  inline(bytes: Buffer, name: string): Map<string, Entry> {
    const called = `the page in the bucket ${JSON.stringify(name)}`;
    if (bytes.length < PAGE_HEADER) throw this.invalid(`${called} has no header`);
    const page = pageOf(bytes, called);
    if (page.flags !== LEAF) throw this.invalid(`${called} is no leaf`);
    const entries = new Map<string, Entry>();
    new Leaves(this, entries).add(page);
    return entries;
  }

  #readTree(id: bigint, depth: number, leaves: Leaves): void {
    const page = this.#take(id);
    if (page.flags === LEAF) {
      leaves.add(page);
      return;
    }
    if (page.flags !== BRANCH) throw this.invalid(`${page.called} is neither a branch nor a leaf`);
    if (page.count === 0) throw this.invalid(`${page.called} is a branch that leads nowhere`);
    if (depth === TREE_DEPTH) throw this.invalid(`its pages are more than ${TREE_DEPTH} deep`);
    for (const { child } of this.branches(page)) this.#readTree(child, depth + 1, leaves);
  }

  /** A page with its overflow, which from now on is no other bucket's. */
  #take(id: bigint): Page {
    const number = id < BigInt(this.#highWater) ? Number(id) : 0;
    // The first two are the meta pages.
    if (number < 2) throw this.invalid(`it has no page ${id}`);
    const start = number * this.#pageSize;
    const called = `page ${number}`;
    if (this.#bytes.readBigUInt64LE(start) !== id) throw this.invalid(`${called} says it is another one`);
    const end = number + 1 + this.#bytes.readUInt32LE(start + 12);
    if (end > this.#highWater) throw this.invalid(`${called} goes on behind the end`);
    if (this.#taken.subarray(number, end).includes(1)) throw this.invalid(`${called} is in two places`);
    this.#taken.fill(1, number, end);
    return pageOf(this.#bytes.subarray(start, end * this.#pageSize), called);
  }

  /** pos u32, ksize u32, pgid u64. */
  *branches(page: Page): Generator<{ child: bigint }> {
    const data = new PageData(this, page);
    for (let index = 0; index < page.count; index++) {
      const at = PAGE_HEADER + index * ELEMENT;
      data.take(at, page.bytes.readUInt32LE(at), page.bytes.readUInt32LE(at + 4), 0);
      yield { child: page.bytes.readBigUInt64LE(at + 8) };
    }
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Puts together the leaves of a bucket, whose keys ascend over all of them. Keys are text in every database we read. */
class Leaves {
  readonly #pages: BoltPages;
  readonly #entries: Map<string, Entry>;
  #last: Buffer | null = null;

  constructor(pages: BoltPages, entries: Map<string, Entry>) {
    this.#pages = pages;
    this.#entries = entries;
  }

  /** flags u32, pos u32, ksize u32, vsize u32. */
  add(page: Page): void {
    const { bytes, count, called } = page;
    const data = new PageData(this.#pages, page);
    for (let index = 0; index < count; index++) {
      const at = PAGE_HEADER + index * ELEMENT;
      const flags = bytes.readUInt32LE(at);
      if (flags > BUCKET) throw this.#pages.invalid(`${called} holds something that is no value and no bucket`);
      const keySize = bytes.readUInt32LE(at + 8);
      const both = data.take(at, bytes.readUInt32LE(at + 4), keySize, bytes.readUInt32LE(at + 12));
      const key = both.subarray(0, keySize);
      if (this.#last !== null && this.#last.compare(key) >= 0) throw this.#pages.invalid(`${called} is out of order`);
      this.#last = key;
      this.#entries.set(this.#textOf(key, called), { isBucket: flags === BUCKET, value: both.subarray(keySize) });
    }
  }

  #textOf(key: Buffer, called: string): string {
    try {
      return UTF8.decode(key);
    } catch {
      throw this.#pages.invalid(`${called} has a key that is no text`);
    }
  }
}

/** The keys and values of a page, which lie behind its elements one after the other. */
class PageData {
  readonly #pages: BoltPages;
  readonly #page: Page;
  #end: number;

  constructor(pages: BoltPages, page: Page) {
    this.#pages = pages;
    this.#page = page;
    this.#end = PAGE_HEADER + page.count * ELEMENT;
    if (this.#end > page.bytes.length) throw pages.invalid(`${page.called} is too short for its elements`);
  }

  /** `pos` counts from the element at `at`. */
  take(at: number, pos: number, keySize: number, valueSize: number): Buffer {
    const { bytes, called } = this.#page;
    const start = at + pos;
    const end = start + keySize + valueSize;
    const fits = start >= this.#end && end <= bytes.length && keySize > 0 && keySize <= KEY_BYTES;
    if (!fits) throw this.#pages.invalid(`${called} has an element that is not inside it`);
    this.#end = end;
    return bytes.subarray(start, end);
  }
}

function pageOf(bytes: Buffer, called: string): Page {
  return { bytes, flags: bytes.readUInt16LE(8), count: bytes.readUInt16LE(10), called };
}
