import { lstat } from 'node:fs/promises';
import { engineError } from '../../../errors/kinds.ts';
import { type Digest, digestAlgorithm, digestHex } from '../../../identity/digest.ts';
import { quoted } from '../../../image/strict-json.ts';
import type { Flock } from '../../../streams/lock-file.ts';
import type { ImageContent } from '../../content.ts';
import type { FormatContext } from '../../context.ts';
import { readDocument } from '../../read-document.ts';
import { checkLength } from '../../read-manifest.ts';
import { RootFiles } from '../root-files.ts';
import { type BoltSnapshot, readBolt } from './bolt-file.ts';

/** Containerd's own data directory, or that of a Docker daemon which starts containerd itself. */
const PLACES = ['', 'containerd/daemon/'] as const;
const METADATA = 'io.containerd.metadata.v1.bolt/meta.db';
const BLOBS = 'io.containerd.content.v1.content/blobs';

/** The files of a containerd data directory, for reading only. */
export class ContainerdFiles {
  readonly #files: RootFiles;
  /** Where containerd's directory is below the one that was named: empty, or ending in a slash. */
  readonly place: string;

  private constructor(files: RootFiles, place: string) {
    this.#files = files;
    this.place = place;
  }

  /** Null when there is no metadata store. */
  static async find(path: string): Promise<ContainerdFiles | null> {
    const files = await RootFiles.open(path);
    for (const place of PLACES) {
      if ((await files.find(place + METADATA)) !== null) return new ContainerdFiles(files, place);
    }
    return null;
  }

  /** Throws FILE_NOT_FOUND when it is gone. */
  metadata(flock: Flock): Promise<BoltSnapshot> {
    return this.database(METADATA, flock);
  }

  /** A bbolt database of the directory. */
  async database(name: string, flock: Flock): Promise<BoltSnapshot> {
    const path = await this.#files.find(this.place + name);
    if (path !== null) return readBolt(path, this.place + name, flock);
    throw engineError('FILE_NOT_FOUND', `the data directory has no ${quoted(name)}`, { path: this.place + name });
  }

  async has(name: string): Promise<boolean> {
    return (await this.#files.find(this.place + name)) !== null;
  }

  /** What descriptors refer to, in the content store. */
  content({ documents }: FormatContext): ImageContent {
    const blob = (digest: Digest): Promise<{ path: string; length: number } | null> => this.#blob(digest);
    return {
      called: 'the content store',
      document: async (descriptor, what) => {
        const { digest, size } = descriptor;
        const found = await blob(digest);
        if (found === null) return null;
        checkLength(found, descriptor, what);
        return readDocument({ ...found, digest, size }, what, documents);
      },
      blob: ({ digest }) => blob(digest),
    };
  }

  async #blob(digest: Digest): Promise<{ path: string; length: number } | null> {
    const name = `${this.place}${BLOBS}/${digestAlgorithm(digest)}/${digestHex(digest)}`;
    const path = await this.#files.find(name);
    if (path === null) return null;
    const stat = await lstat(path);
    if (stat.isFile()) return { path, length: stat.size };
    throw engineError('ARCHIVE_INVALID', `${quoted(name)} is no regular file`, { member: name });
  }
}
