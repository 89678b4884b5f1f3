import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type BoltOptions, type BoltTree, writeBolt } from './bolt-writer.ts';
import { type FixtureDescriptor, FixtureLayout } from './image-fixture.ts';

const CONTENT = 'io.containerd.content.v1.content';
const METADATA = 'io.containerd.metadata.v1.bolt/meta.db';

/** Writes data directories as containerd lays them out; blobs are added to `layout`. */
export class ContainerdRootWriter {
  readonly root: string;
  readonly layout: FixtureLayout = new FixtureLayout();
  readonly tree: { v1: BoltTree } = { v1: { version: goVarint(3) } };
  readonly #place: string;

  /** `place` is where containerd's directory is below the root. */
  constructor(root: string, place = '') {
    this.root = root;
    this.#place = place;
    this.layout.files.clear();
  }

  at(...path: string[]): string {
    return join(this.root, this.#place, ...path);
  }

  blobPath(digest: string): string {
    return this.at(CONTENT, 'blobs', ...digest.split(':'));
  }

  get database(): string {
    return this.at(METADATA);
  }

  /** A bucket of a namespace; made when it is missing. */
  bucket(...path: string[]): BoltTree {
    let tree: BoltTree = this.tree.v1;
    for (const name of path) tree = (tree[name] ??= {}) as BoltTree;
    return tree;
  }

  image(namespace: string, name: string, { mediaType, digest, size, annotations }: FixtureDescriptor): void {
    Object.assign(this.bucket(namespace, 'images', name), {
      createdat: Buffer.from('010000000ed5a1b2c300000000ffff', 'hex'),
      labels: { 'io.example': 'value' },
      target: { digest, mediatype: mediaType, size: goVarint(size), ...(annotations && { annotations }) },
    });
  }

  write(options: BoltOptions = {}): void {
    for (const [path, bytes] of this.layout.files) {
      if (!Buffer.isBuffer(bytes)) continue;
      mkdirSync(dirname(this.at(CONTENT, path)), { recursive: true });
      writeFileSync(this.at(CONTENT, path), bytes);
    }
    mkdirSync(dirname(this.database), { recursive: true });
    writeFileSync(this.database, writeBolt(this.tree as unknown as BoltTree, options));
  }

  remove(digest: string): void {
    rmSync(this.blobPath(digest));
  }
}

/** As Go's binary.PutVarint writes it. */
export function goVarint(value: number): Buffer {
  const bytes: number[] = [];
  let left = BigInt(value) * 2n;
  for (; left >= 0x80n; left >>= 7n) bytes.push(Number(left & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(left)]);
}
