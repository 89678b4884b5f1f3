import { v1JsonOfLayer } from '../image/v1-of-modern.ts';
import type { GraphContext } from './context.ts';
import { discardLayer, type FilledLayer } from './fill-layer.ts';
import { type ChainLink, requireSameLayer } from './same-layer.ts';

/** Layers of content-addressed images that are being made, by id: what several imports bring is made once. */
export type LayerWorks = Map<string, LayerWork>;

/** A layer that the import which came first makes, for all that need it. Every user releases it in the end. */
export class LayerWork {
  /** Settles when the layer is complete in staging, or was given up. */
  readonly filled: Promise<FilledLayer>;
  /** Begins to make it; to be called in the same turn as the constructor. */
  readonly start: () => void;
  readonly #link: ChainLink;
  readonly #works: LayerWorks;
  readonly #context: GraphContext;
  readonly #below: LayerWork | null;
  #users = 1;
  #committing: Promise<void> | null = null;
  /** Settles when the commit is in its queue. */
  #queued: Promise<void> = Promise.resolve();

  /** The caller is its first user. */
  constructor(
    works: LayerWorks,
    context: GraphContext,
    link: ChainLink,
    below: LayerWork | null,
    make: () => Promise<FilledLayer>,
  ) {
    this.#below = below;
    this.#link = link;
    this.#works = works;
    this.#context = context;
    works.set(link.id, this);
    let start = (): void => {};
    this.filled = new Promise<void>((resolve) => {
      start = resolve;
    }).then(make);
    this.start = start;
    // Nobody may be waiting yet; whoever does hears of the failure.
    this.filled.catch(() => this.#leave());
  }

  retain(): this {
    this.#users++;
    return this;
  }

  /** Makes the layer true, once, whoever asks first, and those below it before. */
  commit(): Promise<void> {
    if (this.#committing === null) {
      let queued = (): void => {};
      this.#queued = new Promise((resolve) => {
        queued = resolve;
      });
      this.#committing = this.#commit(queued).finally(queued);
    }
    return this.#committing;
  }

  /** A layer that nobody uses and nobody committed is removed. */
  async release(): Promise<void> {
    this.#users--;
    if (this.#users > 0 || this.#committing !== null) return;
    this.#leave();
    const layer = await this.filled.catch(() => null);
    if (layer !== null) await discardLayer(layer);
  }

  async #commit(queued: () => void): Promise<void> {
    // Base first into the queue; the queue keeps the order, so none waits for the end of another.
    if (this.#below !== null) {
      this.#below.commit().catch(() => {});
      await this.#below.#queued;
    }
    const { id, parent } = this.#link;
    const layer = await this.filled;
    let committed = false;
    try {
      const json = v1JsonOfLayer(id, parent);
      const blobs = layer.blob === null ? [] : [layer.blob];
      const { tree, meta } = layer;
      const commit = this.#context.commits.commit({ id, parent: parent ?? '', json, tree, meta, blobs });
      queued();
      committed = (await commit) === 'committed';
      if (!committed) await requireSameLayer(this.#context, this.#link, {});
    } finally {
      this.#leave();
      if (!committed) await discardLayer(layer);
    }
  }

  #leave(): void {
    if (this.#works.get(this.#link.id) === this) this.#works.delete(this.#link.id);
  }
}
