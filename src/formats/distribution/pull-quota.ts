import type { Answer } from './exchange.ts';
import type { PullsLeft } from './registry.ts';

/** Tells, once each time it comes to that, that few of the pulls are left that Docker Hub counts. */
export class PullQuota {
  readonly #host: string;
  readonly #notice: (message: string) => void;
  #told = false;
  /** What was said last. */
  left: PullsLeft | null = null;

  constructor(host: string, notice: (message: string) => void) {
    this.#host = host;
    this.#notice = notice;
  }

  /** Seconds to wait when nothing is left and the answer says for how long; 0 otherwise. Headers are `76;w=21600`. */
  note(answer: Answer): number {
    const limit = numberIn(answer.header('ratelimit-limit'));
    const left = numberIn(answer.header('ratelimit-remaining'));
    if (limit === null || left === null) return 0;
    this.left = { limit, remaining: left };
    const few = left < limit / 10;
    if (few && !this.#told) this.#notice(`${this.#host} allows ${left} more pulls of ${limit}; log in for more`);
    this.#told = few;
    return left > 0 ? 0 : (numberIn(answer.header('ratelimit-reset')) ?? 0);
  }
}

function numberIn(header: string | undefined): number | null {
  const digits = /^\s*(\d{1,9})\s*(?:;|$)/.exec(header ?? '')?.[1];
  return digits === undefined ? null : Number(digits);
}
