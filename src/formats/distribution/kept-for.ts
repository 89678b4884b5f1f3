/** Answers from memory for so long; then asks again, because a run may outlive what it was told. */
export class KeptFor<Value> {
  readonly #ms: number;
  readonly #known = new Map<string, { since: number; value: Promise<Value> }>();

  constructor(ms: number) {
    this.#ms = ms;
  }

  /** Those who ask at the same time share one answer. A failure is not remembered. */
  get(key: string, ask: () => Promise<Value>): Promise<Value> {
    const known = this.#known.get(key);
    if (known !== undefined && performance.now() - known.since < this.#ms) return known.value;
    const fresh = { since: performance.now(), value: ask() };
    this.#known.set(key, fresh);
    fresh.value.catch(() => {
      if (this.#known.get(key) === fresh) this.#known.delete(key);
    });
    return fresh.value;
  }
}
