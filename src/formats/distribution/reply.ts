import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Take } from '../../image/pending-blob.ts';
import { cancelled, onAbort } from '../../streams/abort.ts';
import { Idle } from './broken.ts';

/** Fewer bytes than this in the whole time allowed count as none. */
const LEAST_PROGRESS = 1024;

export interface ReplyHead {
  status: number;
  headers: IncomingHttpHeaders;
}

interface Settling<Value> {
  resolve: (value: Value) => void;
  reject: (error: unknown) => void;
}

/** What comes back for one request: the head, and the body, which waits until somebody takes it. */
export class Reply implements Dispatcher.DispatchHandler {
  readonly head: Promise<ReplyHead>;
  readonly #heads: Settling<ReplyHead>;
  readonly #body: Readable | null;
  #deafen = (): void => undefined;
  #controller: Dispatcher.DispatchController | null = null;
  #take: Take | null = null;
  #taking = false;
  /** A chunk that came before somebody took it, or while the last was being taken. */
  #waiting: Buffer | null = null;
  #poured: Settling<void> | null = null;
  #failure: { error: unknown } | null = null;
  #refused = false;
  #ended = false;

  /** `body` is what the request sends. */
  constructor(body: Readable | null, signal: AbortSignal | undefined) {
    this.#body = body;
    let heads: Settling<ReplyHead> | undefined;
    this.head = new Promise((resolve, reject) => (heads = { resolve, reject }));
    this.#heads = heads!;
    this.#deafen = onAbort(signal, () => this.stop(cancelled(signal)));
  }

  /** Whether the connection is free for another request, or gone. */
  get over(): boolean {
    return this.#ended || this.#failure !== null;
  }

  /** Whether it was the taker that broke the body off. */
  get refused(): boolean {
    return this.#refused;
  }

  /** Hands the body over, piece by piece, and resolves at its end. Throws what breaks it, and what `take` throws. */
  async pour(take: Take, idleMs: number): Promise<void> {
    let bytes = 0;
    const timer = setTimeout(() => {
      // Whoever takes the bytes may be slow: that is not the network's fault.
      if (this.#taking) timer.refresh();
      else this.stop(new Idle());
    }, idleMs);
    this.#take = (chunk) => {
      bytes += chunk.length;
      if (bytes >= LEAST_PROGRESS) {
        bytes = 0;
        timer.refresh();
      }
      return take(chunk);
    };
    try {
      await new Promise<void>((resolve, reject) => {
        this.#poured = { resolve, reject };
        this.#goOn();
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Breaks the request off. */
  stop(error: Error): void {
    if (this.over) return;
    this.#fail(error);
    this.#controller?.abort(error);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#failure !== null) controller.abort(this.#failure.error as Error);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // Those below only say that an answer is to come.
    if (status >= 200) this.#heads.resolve({ status, headers });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    // The parser tells of no bytes when it goes on after a pause: who then took them with a promise would do so for ever.
    if (chunk.length === 0) return;
    if (this.#take !== null && !this.#taking && this.#waiting === null) this.#give(chunk);
    else this.#waiting = this.#waiting === null ? Buffer.from(chunk) : Buffer.concat([this.#waiting, chunk]);
    if (this.#taking || this.#waiting !== null) controller.pause();
  }

  onResponseEnd(): void {
    this.#ended = true;
    this.#deafen();
    this.#goOn();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error);
    this.#body?.destroy();
  }

  #fail(error: unknown): void {
    if (this.over) return;
    this.#failure = { error };
    this.#deafen();
    this.#heads.reject(error);
    if (!this.#taking) this.#poured?.reject(error);
  }

  #give(chunk: Buffer): void {
    this.#taking = true;
    try {
      const taken = this.#take!(chunk);
      if (taken === undefined) this.#taking = false;
      else
        taken.then(
          () => this.#taken(),
          (error: unknown) => this.#refuse(error),
        );
    } catch (error) {
      this.#refuse(error);
    }
  }

  #taken(): void {
    this.#taking = false;
    this.#goOn();
  }

  /** Whoever takes the bytes wants no more of them. */
  #refuse(error: unknown): void {
    [this.#taking, this.#refused] = [false, true];
    this.#poured!.reject(error);
    this.stop(error instanceof Error ? error : new Error(String(error)));
  }

  #goOn(): void {
    if (this.#poured === null || this.#taking) return;
    const chunk = this.#waiting;
    if (chunk !== null) {
      this.#waiting = null;
      this.#give(chunk);
      if (this.#taking) return;
    }
    if (this.#failure !== null) this.#poured.reject(this.#failure.error);
    else if (this.#ended) this.#poured.resolve();
    else this.#controller!.resume();
  }
}
