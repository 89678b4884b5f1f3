import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { isImageId } from '../identity/image-id.ts';
import { writeFileAtomic } from '../streams/atomic-file.ts';
import { type ImageStore, JSON_FILE } from './image-store.ts';

export const INDEX_FILE = 'layermill.index';
const FORMAT = 'layermill index 1';

/** A file that changed less long ago may change again and keep its times: no file system's clock ticks more slowly. */
const YOUNG_MS = 2000;

/** The file is written again when more than one image in so many had to be read: below that, reading is quicker. */
const REWRITE_SHARE = 64;

/** What the JSON of an image said when it had this stamp. The parent is empty for a base. */
interface Fact {
  parent: string;
  stamp: string;
}

/**
 * Who is whose parent, in `<store>/layermill.index`, so that a large store need not read the JSON of every image.
 *
 * It is a list of facts and not a picture of the store: "when the JSON of this image had this inode, size, mtime and
 * ctime, it named this parent". Which images there are is never taken from it, and a fact counts only while the JSON
 * still has that stamp. So it does not matter who wrote to the store since: what Docker added is not in it and is read,
 * a JSON that was replaced, by rename or in place, has another stamp and is read, what was removed is asked for no more,
 * and of two processes that write the file at once either may win. A JSON that is younger than two seconds when it is
 * read is not recorded, nor one whose parent other files decide, nor one that is broken.
 *
 * The format: a line `layermill index 1 <SHA-256 of what follows, hex>`, then for each image a line of its id, its
 * parent (empty for a base) and the stamp, with spaces between. A file that is missing or damaged is as good as empty;
 * it is replaced as a whole, and not synced.
 */
export class ParentIndex {
  readonly #path: string;
  readonly #store: ImageStore;
  readonly #readOnly: boolean;
  #saved: Promise<void> = Promise.resolve();

  constructor(path: string, store: ImageStore, readOnly: boolean) {
    this.#path = path;
    this.#store = store;
    this.#readOnly = readOnly;
  }

  /** Tells the parent of each image, or why its JSON cannot be used. */
  tell(
    ids: Iterable<string>,
    onParent: (id: string, parent: string) => void,
    onBroken: (id: string, error: unknown) => void,
  ): void {
    const known = this.#load();
    const facts = new Map<string, Fact>();
    let news = 0;
    for (const id of ids) {
      const stamp = this.#stamp(id);
      const fact = known.get(id);
      if (fact !== undefined && fact.stamp === stamp) {
        facts.set(id, fact);
        onParent(id, fact.parent);
        continue;
      }
      try {
        const { parent, inJson } = this.#store.parentOf(id);
        onParent(id, parent);
        if (stamp === null || !inJson) continue;
        facts.set(id, { parent, stamp });
        news++;
      } catch (error) {
        onBroken(id, error);
      }
    }
    if (news * REWRITE_SHARE > facts.size && !this.#readOnly) this.#saved = this.#save(facts);
  }

  /** Resolves when what was learned is in the file. */
  async close(): Promise<void> {
    await this.#saved;
  }

  /** The state of an image's JSON; null when there is none, or it may change without a trace. */
  #stamp(id: string): string | null {
    const path = `${this.#store.imageRoot(id)}/${JSON_FILE}`;
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return null;
    const youngest = stat.mtimeNs > stat.ctimeNs ? stat.mtimeNs : stat.ctimeNs;
    if (Date.now() - Number(youngest / 1_000_000n) < YOUNG_MS) return null;
    return `${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
  }

  #load(): ReadonlyMap<string, Fact> {
    try {
      return decode(readFileSync(this.#path)) ?? new Map<string, Fact>();
    } catch {
      return new Map();
    }
  }

  async #save(facts: ReadonlyMap<string, Fact>): Promise<void> {
    // A full disk makes the next one read more, no more than that.
    await writeFileAtomic(this.#path, encode(facts), { sync: false }).catch(() => {});
  }
}

function encode(facts: ReadonlyMap<string, Fact>): string {
  const body = [...facts].map(([id, { parent, stamp }]) => `${id} ${parent} ${stamp}\n`).join('');
  return `${FORMAT} ${sha256(body)}\n${body}`;
}

/** Null for what is damaged, or of another format. */
function decode(raw: Buffer): Map<string, Fact> | null {
  const end = raw.indexOf('\n');
  const body = raw.toString('latin1', end + 1);
  if (raw.toString('latin1', 0, end) !== `${FORMAT} ${sha256(body)}`) return null;
  const facts = new Map<string, Fact>();
  for (const line of body.split('\n')) {
    if (line === '') continue;
    const [id = '', parent = '', stamp = ''] = line.split(' ');
    if (!isImageId(id) || (parent !== '' && !isImageId(parent))) return null;
    facts.set(id, { parent, stamp });
  }
  return facts;
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('hex');
}
