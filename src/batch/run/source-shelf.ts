import { namedByIndex } from '../../coordinator/copy/named-by-index.ts';
import { openSource } from '../../formats/transports.ts';
import type { ImageSource, SourceItem } from '../../image/image-source.ts';
import { allDone } from '../../streams/all-done.ts';
import type { BatchEntry } from '../batch.ts';
import { platformsOf } from '../terms.ts';
import type { BatchTools } from '../tools.ts';

/** A source that was read: all that it gives, in its order. */
export interface ReadSource {
  items: readonly SourceItem[];
  warnings: readonly string[];
}

interface Book {
  read: Promise<ReadSource & { source: ImageSource }>;
  users: number;
  /** When it was last wanted, by count. */
  wanted: number;
}

/** Sources that nobody uses stay open as long as there are no more than this: reading one again costs requests, or a scan. */
const MAX_IDLE = 512;

/**
 * The sources of a batch, opened and read when they are first wanted. Those that were wanted longest ago are closed when there
 * are many; a source that is wanted again is read again.
 */
export class SourceShelf {
  readonly #tools: BatchTools;
  readonly #signal: AbortSignal;
  readonly #books = new Map<string, Book>();
  #count = 0;

  constructor(tools: BatchTools, signal: AbortSignal) {
    [this.#tools, this.#signal] = [tools, signal];
  }

  /** Calls `work` with what the source gives; until that has ended, its files and what it has spooled are there. */
  async with<Value>(location: string, entry: BatchEntry, work: (read: ReadSource) => Promise<Value>): Promise<Value> {
    const book = this.#book(location, entry);
    book.users += 1;
    try {
      return await work(await book.read);
    } finally {
      book.users -= 1;
      book.wanted = this.#count++;
      await this.#tidy();
    }
  }

  async close(): Promise<void> {
    for (const key of this.#books.keys()) await this.#close(key);
  }

  #book(location: string, entry: BatchEntry): Book {
    const key = JSON.stringify([location, entry.platforms, entry.referrers]);
    const known = this.#books.get(key);
    if (known !== undefined) return known;
    const book: Book = { read: this.#read(location, entry), users: 0, wanted: this.#count++ };
    this.#books.set(key, book);
    // Who comes later tries again.
    book.read.catch(() => this.#books.delete(key));
    return book;
  }

  async #read(location: string, entry: BatchEntry): Promise<ReadSource & { source: ImageSource }> {
    const platforms = platformsOf(entry);
    const context = { ...this.#tools.from, signal: this.#signal, platforms, referrers: entry.referrers };
    const source = await openSource(location, context);
    try {
      const items: SourceItem[] = [];
      for await (const item of namedByIndex(source.images(), platforms)) items.push(item);
      return { source, items, warnings: source.warnings ?? [] };
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  async #tidy(): Promise<void> {
    if (this.#books.size <= MAX_IDLE) return;
    const idle = [...this.#books]
      .filter(([, { users }]) => users === 0)
      .toSorted(([, a], [, b]) => a.wanted - b.wanted);
    // All are off the shelf before the first is closed: meanwhile somebody may want one of them again.
    await allDone(idle.slice(0, this.#books.size - MAX_IDLE).map(([key]) => this.#close(key)));
  }

  async #close(key: string): Promise<void> {
    const book = this.#books.get(key);
    this.#books.delete(key);
    await (await book?.read.catch(() => null))?.source.close();
  }
}
