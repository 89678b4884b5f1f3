import { setMaxListeners } from 'node:events';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { engineError } from '../../errors/kinds.ts';
import { Idle, brokenBy } from './broken.ts';
import type { Connections, Trust } from './connections.ts';

/** Fewer bytes than this in the whole time allowed count as none. */
const LEAST_PROGRESS = 1024;
/** More than this is not worth a connection. */
const DROPPED_BYTES = 16 * 1024;
const DROPPED_MS = 2_000;

type BodyReadable = Dispatcher.ResponseData['body'];

export interface Timeouts {
  /** Milliseconds without bytes after which a connection counts as broken. */
  idleMs: number;
  /** Milliseconds that a registry may think after it has got a body. */
  answerMs: number;
}

export interface Outgoing {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  url: URL;
  headers: Record<string, string>;
  body: Buffer | Readable | null;
  signal: AbortSignal | undefined;
}

/** The head of an answer, and its body while nobody has read it. */
export interface Answer {
  status: number;
  url: URL;
  header(name: string): string | undefined;
  headers(name: string): string[];
  /** The bytes as they come. Throws MayPass when the connection breaks or nothing comes for too long. */
  chunks(): AsyncGenerator<Buffer>;
  /** Lets go of what was not read. */
  drop(): void;
}

/** Sends one request and waits for the head of the answer. Throws as `brokenBy` says. */
export async function exchange(
  connections: Connections,
  outgoing: Outgoing,
  trust: Trust,
  timeouts: Timeouts,
): Promise<Answer> {
  const { method, url, headers, body, signal } = outgoing;
  const withBody = body !== null;
  // Many requests stop by the same signal, and Node would warn of that.
  if (signal !== undefined) setMaxListeners(0, signal);
  try {
    const {
      statusCode,
      headers: got,
      body: coming,
    } = await connections.to(url, trust).request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method,
      headers: { 'user-agent': 'layermill', 'accept-encoding': 'identity', ...headers },
      body,
      signal: signal ?? null,
      headersTimeout: withBody ? timeouts.answerMs : timeouts.idleMs,
      bodyTimeout: 0,
      // undici would close a connection after each HEAD, for servers that answer it with a body: most of the time of a batch that
      // is looked at went into connections. After such an answer the next request fails, and is sent again.
      reset: false,
    });
    coming.on('error', () => undefined);
    const all = (name: string): string[] => [got[name] ?? []].flat();
    return {
      status: statusCode,
      url,
      header: (name) => all(name)[0],
      headers: all,
      chunks: () => chunksOf(coming, url.host, signal, timeouts.idleMs),
      drop: () => drop(coming),
    };
  } catch (error) {
    throw brokenBy(error, url.host, signal);
  }
}

/** A connection whose last answer was read to its end can be used again. */
function drop(body: BodyReadable): void {
  if (body.closed || body.destroyed) return;
  body.dump({ limit: DROPPED_BYTES, signal: AbortSignal.timeout(DROPPED_MS) }).catch(() => body.destroy());
}

async function* chunksOf(
  body: Readable,
  host: string,
  signal: AbortSignal | undefined,
  idleMs: number,
): AsyncGenerator<Buffer> {
  let [bytes, busy] = [0, false];
  const timer = setTimeout(() => {
    // Whoever takes the bytes may be slow: that is not the network's fault.
    if (busy) timer.refresh();
    else body.destroy(new Idle());
  }, idleMs);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes >= LEAST_PROGRESS) {
        bytes = 0;
        timer.refresh();
      }
      busy = true;
      yield chunk;
      busy = false;
    }
  } catch (error) {
    throw brokenBy(error, host, signal);
  } finally {
    clearTimeout(timer);
    body.destroy();
  }
}

/** The whole body of a small document. Throws LIMIT_EXCEEDED before more than `most` bytes are in memory. */
export async function bodyOf(answer: Answer, most: number, what: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.chunks()) {
    size += chunk.length;
    if (size > most) {
      throw engineError('LIMIT_EXCEEDED', `${what} has more than ${most} bytes`, {
        limit: 'document bytes',
        allowed: most,
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
