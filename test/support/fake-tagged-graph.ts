import { engineError } from '../../src/errors/kinds.ts';
import type { Image } from '../../src/graph/image.ts';
import type { TaggedGraph } from '../../src/graph/tag-store.ts';
import { TruncIndex } from '../../src/identity/trunc-index.ts';
import { emptyV1Image } from '../../src/image/v1-compat.ts';

/** Images by id and nothing else, for tests of names. */
export class FakeTaggedGraph implements TaggedGraph {
  readonly readOnly: boolean = false;
  holds = 0;
  changes = 0;
  /** Names whose indexes were to be forgotten, in order. */
  readonly forgotten: string[] = [];
  readonly #ids: TruncIndex;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(ids: Iterable<string>, options: { readOnly?: boolean } = {}) {
    this.#ids = new TruncIndex(ids);
    this.readOnly = options.readOnly ?? false;
  }

  async get(name: string): Promise<Image> {
    return emptyV1Image(this.#ids.get(name));
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  remove(id: string): void {
    this.#ids.delete(id);
  }

  exclusive<Value>(work: () => Promise<Value>): Promise<Value> {
    if (this.readOnly) throw engineError('STORE_READ_ONLY', 'read only', { root: '/' });
    const turn = this.#tail.then(() => {
      this.holds++;
      return work();
    });
    this.#tail = turn.catch(() => {});
    return turn;
  }

  tagChanges(): number {
    return this.changes;
  }

  noteTagChange(): void {
    this.changes++;
  }

  async forgetIndexes(names: readonly string[]): Promise<void> {
    this.forgotten.push(...names);
  }
}
