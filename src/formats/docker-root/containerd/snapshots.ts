import { isEngineError } from '../../../errors/kinds.ts';
import type { Flock } from '../../../streams/lock-file.ts';
import type { BoltBucket } from './bbolt.ts';
import type { UnpackedLayer } from './blob-facts.ts';
import type { ContainerdFiles } from './containerd-files.ts';

import { decodeUvarint, decodeVarint } from './varint.ts';

/** Where a layer is unpacked, and what it takes there. */
export interface FoundSnapshot {
  /** Below the data directory. */
  dir: string | null;
  /** Bytes of the files, as the snapshotter counted them. */
  size: number | null;
}

/** Snapshotters that keep the files of a snapshot in a directory, and its name in that of the snapshot. */
const FILES: Readonly<Record<string, string>> = { overlayfs: '/fs', native: '', btrfs: '' };

/** What the snapshotters know of unpacked layers (containerd, core/snapshots/storage/bolt.go); each is asked once. */
export class Snapshots {
  readonly #files: ContainerdFiles;
  readonly #flock: Flock;
  readonly #stores = new Map<string, Promise<BoltBucket | null>>();

  constructor(files: ContainerdFiles, flock: Flock) {
    this.#files = files;
    this.#flock = flock;
  }

  async find({ snapshotter, key }: UnpackedLayer): Promise<FoundSnapshot> {
    const store = await this.#store(snapshotter);
    try {
      const bucket = store?.bucket(key) ?? null;
      const size = decodeVarint(bucket?.value('size') ?? Buffer.alloc(0));
      return { dir: await this.#directory(snapshotter, bucket?.value('id') ?? null), size };
    } catch (error) {
      if (isEngineError(error)) return { dir: null, size: null };
      throw error;
    }
  }

  /** Null when the snapshotter is of another kind, or its database is damaged: images do not need it. */
  #store(snapshotter: string): Promise<BoltBucket | null> {
    const known = this.#stores.get(snapshotter);
    if (known !== undefined) return known;
    const store = this.#read(snapshotter);
    this.#stores.set(snapshotter, store);
    return store;
  }

  async #read(snapshotter: string): Promise<BoltBucket | null> {
    if (!Object.hasOwn(FILES, snapshotter)) return null;
    try {
      const { root } = await this.#files.database(`${folderOf(snapshotter)}/metadata.db`, this.#flock);
      return root.at('v1', 'snapshots');
    } catch (error) {
      if (isEngineError(error)) return null;
      throw error;
    }
  }

  async #directory(snapshotter: string, id: Buffer | null): Promise<string | null> {
    const number = id === null ? null : decodeUvarint(id);
    if (number === null) return null;
    const dir = `${folderOf(snapshotter)}/snapshots/${number}${FILES[snapshotter]}`;
    return (await this.#files.has(dir)) ? this.#files.place + dir : null;
  }
}

function folderOf(snapshotter: string): string {
  return `io.containerd.snapshotter.v1.${snapshotter}`;
}
