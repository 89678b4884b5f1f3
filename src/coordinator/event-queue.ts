import { abortable } from '../streams/abort.ts';

/** Hands events over to one reader, in the order they happened; a writer may wait until few of them are unread. */
export class EventQueue<Event> {
  readonly #unread: Event[] = [];
  readonly #maxUnread: number;
  #ended = false;
  #failure: Error | null = null;
  #wakeReader: () => void = () => {};
  #wakeWriter: () => void = () => {};

  constructor(maxUnread: number) {
    this.#maxUnread = maxUnread;
  }

  push(event: Event): void {
    this.#unread.push(event);
    this.#wakeReader();
  }

  /** Nothing comes after this; with `failure` the reader is told at the end. */
  end(failure: Error | null = null): void {
    this.#ended = true;
    this.#failure = failure;
    this.#wakeReader();
  }

  /** Resolves when the reader has caught up. For one writer. */
  async room(signal: AbortSignal): Promise<void> {
    while (this.#unread.length >= this.#maxUnread) {
      await abortable(new Promise<void>((resolve) => (this.#wakeWriter = resolve)), signal);
    }
  }

  async *read(): AsyncGenerator<Event> {
    for (;;) {
      while (this.#unread.length > 0) {
        const event = this.#unread.shift()!;
        this.#wakeWriter();
        yield event;
      }
      if (this.#ended) break;
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    }
    if (this.#failure !== null) throw this.#failure;
  }
}
