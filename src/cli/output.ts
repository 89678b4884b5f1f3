import type { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { errnoOf } from '../errors/system-error.ts';

/** Where results go. When the reader has gone away (EPIPE), everything further is dropped without a word. */
export class Output {
  readonly isTerminal: boolean;
  readonly #stream: Writable;
  #failure: Error | null = null;
  /** What is done around each write. */
  #around: (write: () => void) => void = (write) => write();

  constructor(stream: Writable & { isTTY?: boolean }) {
    this.#stream = stream;
    this.isTerminal = stream.isTTY === true;
    stream.on('error', (error) => {
      this.#failure ??= error;
    });
  }

  /** True when nobody reads any more. */
  get isClosed(): boolean {
    return this.#failure !== null && errnoOf(this.#failure) === 'EPIPE';
  }

  /** On a terminal, bars below the results must make room for each. */
  writeThrough(around: (write: () => void) => void): void {
    if (this.isTerminal) this.#around = around;
  }

  line(text: string): void {
    this.#send(`${text}\n`);
  }

  json(value: unknown): void {
    this.line(JSON.stringify(value));
  }

  bytes(bytes: Uint8Array): void {
    this.#send(bytes);
  }

  /** The stream itself, for bytes that are piped. */
  get stream(): Writable {
    return this.#stream;
  }

  /** Waits until everything is written. Throws what went wrong (a full disk), except that nobody reads. */
  async flush(): Promise<void> {
    if (this.#failure === null) {
      // An empty write is done when all before it are; what went wrong with them is told in a turn after that.
      await new Promise<void>((resolve) => this.#stream.write('', () => resolve()));
      await setImmediate();
    }
    if (this.#failure !== null && !this.isClosed) throw this.#failure;
  }

  #send(piece: string | Uint8Array): void {
    if (this.#failure === null) this.#around(() => this.#stream.write(piece));
  }
}
