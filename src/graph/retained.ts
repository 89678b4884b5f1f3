/** Layers that somebody reads at the moment: they cannot be removed. */
export class Retained {
  readonly #counts = new Map<string, number>();

  /** Keeps a layer until the answered function is called; calling it twice is no error. */
  retain(id: string): () => void {
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const left = (this.#counts.get(id) ?? 1) - 1;
      if (left === 0) this.#counts.delete(id);
      else this.#counts.set(id, left);
    };
  }

  isRetained(id: string): boolean {
    return this.#counts.has(id);
  }
}
