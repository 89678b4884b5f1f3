import type { Socket } from 'node:net';
import { buildConnector } from 'undici';

/** Of a connection that is read from as fast as the network gives. */
const READ_BYTES = 256 * 1024;

/**
 * undici keeps views of the head of an answer until it is complete, over several reads if need be; it allows 16 KiB for it.
 * A read up to this size may be all head, and is copied; a larger one has come to the body.
 */
const MAY_BE_HEAD_BYTES = 64 * 1024;

/**
 * A connector for undici whose plain connections read into one buffer each, in place of a new one of 64 KiB for every read:
 * the half of what a download costs. What undici gets to see is valid until it asks for more. Connections with TLS are
 * undici's own: Node goes on handing over what it has decrypted when it was told to stop.
 */
export function wideReads(options: buildConnector.BuildOptions): buildConnector.connector {
  const secure = buildConnector(options);
  return (asked, callback) => {
    if (asked.protocol === 'https:') return secure(asked, callback);
    const reads = new Reads();
    buildConnector({ ...options, ...reads.options })(asked, (...answer) => {
      // undici leaves the second out when the first is an error.
      const socket = answer[1] ?? null;
      if (socket !== null) reads.offerBy(socket);
      callback(...answer);
    });
  };
}

/** Stands between a socket that fills a buffer again and again, and a reader who takes its time. */
class Reads {
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  /** What nobody has taken yet. */
  #filled: Buffer | null = null;
  /** The reader has not done with what it took, and may give back a rest of it. */
  #held = false;
  #stopped = false;
  #socket: Socket | null = null;

  readonly options = {
    onread: { buffer: this.#buffer, callback: (bytes: number): boolean => this.#goOnAfter(bytes) },
  };

  /** Makes `read` and `unshift` of the socket speak of the buffer. */
  offerBy(socket: Socket): void {
    this.#socket = socket;
    const own = socket.read.bind(socket);
    // With 0, by which streams only ask for more, the socket's own would go on reading whatever is held.
    socket.read = (bytes?: number) => (bytes === 0 ? (this.#stopped ? null : own(0)) : (this.#take() ?? own(bytes)));
    socket.unshift = (rest: Buffer) => {
      this.#held = true;
      this.#filled = rest.length === 0 ? null : rest;
    };
  }

  #goOnAfter(bytes: number): boolean {
    const read = this.#buffer.subarray(0, bytes);
    this.#filled = bytes > MAY_BE_HEAD_BYTES ? read : Buffer.from(read);
    this.#socket?.emit('readable');
    this.#stopped = this.#filled !== null || this.#held;
    return !this.#stopped;
  }

  #take(): Buffer | null {
    const taken = this.#filled;
    [this.#filled, this.#held] = [null, false];
    if (taken === null && this.#stopped) {
      this.#stopped = false;
      this.#socket!.resume();
    }
    return taken;
  }
}
