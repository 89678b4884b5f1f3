import type { EngineError } from '../../errors/engine-error.ts';

/** Thrown inside the client for what another attempt may mend; whoever gives up throws `error` instead. */
export class MayPass extends Error {
  readonly error: EngineError;
  /** What the registry asked to wait, if it did. */
  readonly waitMs: number | null;
  /** Whether the registry has too much to do, so that fewer requests at once are in order. */
  readonly overload: boolean;

  constructor(error: EngineError, options: { waitMs?: number | null; overload?: boolean } = {}) {
    super(error.message);
    this.error = error;
    this.waitMs = options.waitMs ?? null;
    this.overload = options.overload ?? true;
  }
}
