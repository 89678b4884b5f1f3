import { type Clock, SYSTEM_CLOCK } from './clock.ts';

/** Spreads the requests to each host over time, whichever sides of a run they come from. */
export class RequestPace {
  readonly #everyMs: number;
  readonly #clock: Clock;
  /** When the next request may go to a host. */
  readonly #next = new Map<string, number>();

  constructor(perSecond: number, clock: Clock = SYSTEM_CLOCK) {
    [this.#everyMs, this.#clock] = [1000 / perSecond, clock];
  }

  /** Waits until one more request may be sent to `host`. Throws CANCELLED. */
  async turn(host: string, signal: AbortSignal | undefined): Promise<void> {
    const now = this.#clock.now();
    const at = Math.max(now, this.#next.get(host) ?? now);
    this.#next.set(host, at + this.#everyMs);
    if (at > now) await this.#clock.sleep(at - now, signal);
  }
}
