import { onAbort, cancelled, throwIfAborted } from '../../streams/abort.ts';
import type { Clock } from './clock.ts';

const START = 6;
const MOST = 16;
/** So many answers in a row allow one request more at once. */
const CLIMB_AFTER = 12;

/**
 * How many requests a host gets at once: half as many after it was overloaded, one more after a row of good answers. All wait
 * while the host has asked for that.
 */
export class HostGate {
  readonly #clock: Clock;
  #limit = START;
  #active = 0;
  #good = 0;
  #notBefore = 0;
  /** When the limit was last halved: what was asked before that says nothing new. */
  #halvedAt = -1;
  #entered = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Waits for a turn; answers its number, to be given to `leave`. Throws CANCELLED. */
  async enter(signal: AbortSignal | undefined): Promise<number> {
    throwIfAborted(signal);
    if (this.#active >= this.#limit) await this.#turn(signal);
    else this.#active += 1;
    try {
      const wait = this.#notBefore - this.#clock.now();
      if (wait > 0) await this.#clock.sleep(wait, signal);
    } catch (error) {
      this.#release();
      throw error;
    }
    return this.#entered++;
  }

  leave(turn: number, outcome: 'good' | 'overload' | 'other'): void {
    if (outcome === 'overload') this.#halve(turn);
    if (outcome === 'good' && ++this.#good >= CLIMB_AFTER) {
      this.#good = 0;
      this.#limit = Math.min(MOST, this.#limit + 1);
    }
    this.#release();
  }

  /** Lets nobody in before so many milliseconds have passed. */
  pause(ms: number): void {
    this.#notBefore = Math.max(this.#notBefore, this.#clock.now() + ms);
  }

  #halve(turn: number): void {
    this.#good = 0;
    if (turn < this.#halvedAt) return;
    this.#halvedAt = this.#entered;
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    let deafen = (): void => undefined;
    await new Promise<void>((resolve, reject) => {
      const turn = (): void => resolve();
      this.#waiting.push(turn);
      deafen = onAbort(signal, () => {
        const at = this.#waiting.indexOf(turn);
        if (at < 0) return;
        this.#waiting.splice(at, 1);
        reject(cancelled(signal));
      });
    });
    deafen();
  }

  /** A turn is handed on, so that `active` counts those who were let in but have not yet gone on. */
  #release(): void {
    this.#active -= 1;
    while (this.#active < this.#limit && this.#waiting.length > 0) {
      this.#active += 1;
      this.#waiting.shift()!();
    }
  }
}
