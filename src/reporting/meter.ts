/** Long enough to smooth over a slow directory, short enough to follow a change. */
const WINDOW_MS = 10_000;
/** A rate from less is noise. */
const LEAST_MS = 500;

/** The speed of something that grows, over the last ten seconds. */
export class Meter {
  readonly #seen: { atMs: number; total: number }[] = [];

  /** Notes the amount reached at a time (milliseconds of any steady clock, never going back). */
  observe(total: number, atMs: number): void {
    this.#seen.push({ atMs, total });
    while (this.#seen.length > 2 && this.#seen[1]!.atMs <= atMs - WINDOW_MS) this.#seen.shift();
  }

  /** Units a second; null while too little is known. */
  get rate(): number | null {
    const [first, last] = [this.#seen[0], this.#seen.at(-1)];
    if (first === undefined || last === undefined || last.atMs - first.atMs < LEAST_MS) return null;
    return Math.max(0, ((last.total - first.total) * 1000) / (last.atMs - first.atMs));
  }

  /** Seconds until `remaining` more are done at this speed; null while that cannot be said. */
  secondsFor(remaining: number): number | null {
    const { rate } = this;
    return rate === null || rate === 0 ? null : remaining / rate;
  }
}
