/** A bucket to be written: values, and buckets inside, by key. */
export interface BoltTree {
  [key: string]: Buffer | string | BoltTree;
}

export interface BoltOptions {
  pageSize?: number;
  /** Elements of one page; more make branches. */
  perPage?: number;
  /** Bytes up to which a bucket is put into its value. */
  inlineBytes?: number;
  transaction?: bigint;
}

interface Element {
  flags: number;
  key: Buffer;
  value: Buffer;
}

const LEAF = 2;
const BRANCH = 1;
const META = 4;

/** Writes bbolt databases from their description, without the code under test. */
export function writeBolt(tree: BoltTree, options: BoltOptions = {}): Buffer {
  return new BoltWriter(options).write(tree);
}

/** A meta page; `page` is 0 or 1. */
export function boltMeta(page: number, pageSize: number, root: number, pages: number, transaction: bigint): Buffer {
  const bytes = Buffer.alloc(pageSize);
  bytes.writeBigUInt64LE(BigInt(page), 0);
  bytes.writeUInt16LE(META, 8);
  bytes.writeUInt32LE(0xed0cdaed, 16);
  bytes.writeUInt32LE(2, 20);
  bytes.writeUInt32LE(pageSize, 24);
  bytes.writeBigUInt64LE(BigInt(root), 32);
  bytes.writeBigUInt64LE(2n, 48);
  bytes.writeBigUInt64LE(BigInt(pages), 56);
  bytes.writeBigUInt64LE(transaction, 64);
  sumMeta(bytes);
  return bytes;
}

/** Puts the checksum right after a change of the meta page at the beginning of `page`. */
export function sumMeta(page: Buffer): void {
  let hash = 14695981039346656037n;
  for (const byte of page.subarray(16, 72)) hash = ((hash ^ BigInt(byte)) * 1099511628211n) % 2n ** 64n;
  page.writeBigUInt64LE(hash, 72);
}

class BoltWriter {
  readonly #options: Required<BoltOptions>;
  /** Each with its overflow; the first three are two metas and the list of free pages. */
  readonly #pages: Buffer[] = [];
  #next = 3;

  constructor(options: BoltOptions) {
    this.#options = { pageSize: 4096, perPage: 50, inlineBytes: 1024, transaction: 7n, ...options };
  }

  write(tree: BoltTree): Buffer {
    const { pageSize, transaction } = this.#options;
    const root = this.#bucket(tree);
    const free = Buffer.alloc(pageSize);
    free.writeBigUInt64LE(2n, 0);
    free.writeUInt16LE(0x10, 8);
    const metas = [transaction, transaction - 1n].map((txid, page) => boltMeta(page, pageSize, root, this.#next, txid));
    return Buffer.concat([...metas, free, ...this.#pages]);
  }

  /** Writes the pages of a bucket; answers the id of its root. */
  #bucket(tree: BoltTree): number {
    let level = this.#chunks(this.#elements(tree)).map((elements) => this.#page(LEAF, elements));
    while (level.length > 1) level = this.#chunks(level).map((elements) => this.#page(BRANCH, elements));
    return Number(level[0]!.value.readBigUInt64LE(0));
  }

  #elements(tree: BoltTree): Element[] {
    const elements = Object.entries(tree).map(([name, value]): Element => {
      const key = Buffer.from(name);
      if (Buffer.isBuffer(value) || typeof value === 'string') return { flags: 0, key, value: Buffer.from(value) };
      return { flags: 1, key, value: this.#inside(value) };
    });
    return elements.toSorted((a, b) => a.key.compare(b.key));
  }

  #inside(tree: BoltTree): Buffer {
    const header = Buffer.alloc(16);
    const isFlat = Object.values(tree).every((value) => Buffer.isBuffer(value) || typeof value === 'string');
    const page = isFlat ? pageBytes(0, LEAF, this.#elements(tree)) : null;
    if (page !== null && page.length <= this.#options.inlineBytes) return Buffer.concat([header, page]);
    header.writeBigUInt64LE(BigInt(this.#bucket(tree)), 0);
    return header;
  }

  #chunks(elements: Element[]): Element[][] {
    const { perPage } = this.#options;
    const chunks: Element[][] = [];
    for (let at = 0; at === 0 || at < elements.length; at += perPage) chunks.push(elements.slice(at, at + perPage));
    return chunks;
  }

  /** Answers the element that a branch has for the page. */
  #page(flags: number, elements: Element[]): Element {
    const { pageSize } = this.#options;
    const id = this.#next;
    const bytes = pageBytes(id, flags, elements);
    const count = Math.ceil(bytes.length / pageSize);
    bytes.writeUInt32LE(count - 1, 12);
    this.#pages.push(Buffer.concat([bytes, Buffer.alloc(count * pageSize - bytes.length)]));
    this.#next += count;
    const value = Buffer.alloc(8);
    value.writeBigUInt64LE(BigInt(id));
    return { flags, key: elements[0]?.key ?? Buffer.alloc(0), value };
  }
}

function pageBytes(id: number, flags: number, elements: Element[]): Buffer {
  const head = Buffer.alloc(16 + 16 * elements.length);
  head.writeBigUInt64LE(BigInt(id), 0);
  head.writeUInt16LE(flags, 8);
  head.writeUInt16LE(elements.length, 10);
  const data: Buffer[] = [];
  let end = head.length;
  for (const [index, element] of elements.entries()) {
    const at = 16 + 16 * index;
    if (flags === LEAF) {
      head.writeUInt32LE(element.flags, at);
      head.writeUInt32LE(end - at, at + 4);
      head.writeUInt32LE(element.key.length, at + 8);
      head.writeUInt32LE(element.value.length, at + 12);
    } else {
      head.writeUInt32LE(end - at, at);
      head.writeUInt32LE(element.key.length, at + 4);
      element.value.copy(head, at + 8);
    }
    const bytes = flags === LEAF ? Buffer.concat([element.key, element.value]) : element.key;
    data.push(bytes);
    end += bytes.length;
  }
  return Buffer.concat([head, ...data]);
}
