import { marshalGo } from './go-json.ts';
import { PLAIN_WIDTH, type Progress, progressText } from './progress-bar.ts';

/** An error to show in a stream; `code` is written when it is a number, as a registry's status is. */
export interface StreamError {
  message: string;
  code?: unknown;
}

export interface StreamFormatterOptions {
  /** One JSON message after another instead of text. */
  json?: boolean;
  /** Columns for the progress bar, and the clock; for what is no terminal the defaults hold. */
  width?: number;
  now?: () => number;
}

/** Writes the messages of Docker 0.11's streams, as text or JSON. Progress has no line end in JSON: messages just follow. */
export class StreamFormatter {
  readonly json: boolean;
  readonly #width: number;
  readonly #now: () => number;
  #used = false;

  constructor(options: StreamFormatterOptions = {}) {
    this.json = options.json ?? false;
    this.#width = options.width ?? PLAIN_WIDTH;
    this.#now = options.now ?? Date.now;
  }

  /** True once anything was formatted. */
  get used(): boolean {
    return this.#used;
  }

  formatStream(text: string): string {
    this.#used = true;
    return this.json ? `${marshalGo({ stream: orAbsent(text) })}\r\n` : `${text}\r`;
  }

  formatStatus(id: string, text: string): string {
    this.#used = true;
    return this.json ? `${marshalGo({ status: orAbsent(text), id: orAbsent(id) })}\r\n` : `${text}\r\n`;
  }

  /** `progress` null says only that the action is going on, or over. */
  formatProgress(id: string, action: string, progress: Progress | null): string {
    this.#used = true;
    const bar = progress === null ? '' : progressText(progress, { width: this.#width, nowMs: this.#now() });
    if (!this.json) return `${action} ${bar}${bar === '' ? '\r\n' : '\r'}`;
    return marshalGo({
      status: orAbsent(action),
      progressDetail: {
        current: orAbsent(progress?.current ?? 0),
        total: orAbsent(progress?.total ?? 0),
        start: orAbsent(progress?.start ?? 0),
      },
      progress: orAbsent(bar),
      id: orAbsent(id),
    });
  }

  formatError(error: StreamError): string {
    this.#used = true;
    const { message, code } = error;
    if (!this.json) return `Error: ${message}\r\n`;
    const detail = { code: typeof code === 'number' ? orAbsent(code) : undefined, message: orAbsent(message) };
    return `${marshalGo({ errorDetail: detail, error: orAbsent(message) })}\r\n`;
  }
}

/** Go's `omitempty`: an empty string or a zero is not written. */
function orAbsent<Value extends string | number>(value: Value): Value | undefined {
  return value === '' || value === 0 ? undefined : value;
}
