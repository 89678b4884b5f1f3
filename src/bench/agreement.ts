import { engineError } from '../errors/kinds.ts';
import type { Contestant, Outcome } from './contest.ts';

/**
 * Looks whether everyone made the same. What layermill makes must be the same byte for byte in every round and with any
 * number of threads; what two tools make must mean the same. Throws RESULTS_DIFFER: such a time is worth nothing.
 */
export class Agreement {
  readonly #what: string;
  readonly #fingerprints = new Map<string, string>();
  #meaning: { value: string; of: string } | null = null;

  constructor(what: string) {
    this.#what = what;
  }

  sameBytes({ tool, threads }: Pick<Contestant, 'tool' | 'threads'>, { fingerprint }: Outcome): void {
    if (fingerprint === null) return;
    const before = this.#fingerprints.get(tool);
    this.#fingerprints.set(tool, before ?? fingerprint);
    if (before !== undefined && before !== fingerprint) {
      throw this.#mismatch(
        `${tool} with ${threads ?? 'its'} threads made other bytes than before`,
        before,
        fingerprint,
      );
    }
  }

  sameMeaning({ tool }: Pick<Contestant, 'tool'>, meaning: string | null): void {
    if (meaning === null) return;
    this.#meaning ??= { value: meaning, of: tool };
    if (this.#meaning.value !== meaning) {
      throw this.#mismatch(`${tool} made something else than ${this.#meaning.of}`, this.#meaning.value, meaning);
    }
  }

  #mismatch(how: string, expected: string, actual: string): Error {
    return engineError('RESULTS_DIFFER', `${this.#what}: ${how}`, { what: this.#what, expected, actual });
  }
}
