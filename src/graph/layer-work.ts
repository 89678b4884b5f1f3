import type { GraphContext } from './context.ts';
import { discardLayer, type FilledLayer } from './fill-layer.ts';

/** Layers of content-addressed images that are being made, by id: what several imports bring is made once. */
export type LayerWorks = Map<string, LayerWork>;

/** A layer that the import which came first makes, for all that need it. Every user releases it in the end. */
export class LayerWork {
  /** Settles when the layer is complete in staging, or was given up. */
  readonly filled: Promise<FilledLayer>;
  readonly #id: string;
  readonly #works: LayerWorks;
  readonly #context: GraphContext;
  #users = 1;
  #committing: Promise<void> | null = null;

  /** Starts to make it; the caller is its first user. */
  constructor(works: LayerWorks, context: GraphContext, id: string, make: () => Promise<FilledLayer>) {
    this.#id = id;
    this.#works = works;
    this.#context = context;
    works.set(id, this);
    this.filled = make();
    // Nobody may be waiting yet; whoever does hears of the failure.
    this.filled.catch(() => this.#leave());
  }

  retain(): this {
    this.#users++;
    return this;
  }

  /** Makes the layer true, once, whoever asks first. The one below must have been asked before. */
  commit(): Promise<void> {
    this.#committing ??= this.#commit();
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

  async #commit(): Promise<void> {
    const layer = await this.filled;
    const { tree, meta, blob } = layer;
    try {
      await this.#context.commits.commit({ id: this.#id, tree, meta, blobs: blob === null ? [] : [blob] });
    } catch (error) {
      await discardLayer(layer);
      throw error;
    } finally {
      this.#leave();
    }
  }

  #leave(): void {
    if (this.#works.get(this.#id) === this) this.#works.delete(this.#id);
  }
}
