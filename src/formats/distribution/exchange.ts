import type { Readable } from 'node:stream';
import { engineError } from '../../errors/kinds.ts';
import type { Take } from '../../image/pending-blob.ts';
import { brokenBy } from './broken.ts';
import type { Connections, Trust } from './connections.ts';
import { Reply } from './reply.ts';

/** More than this is not worth a connection. */
const DROPPED_BYTES = 16 * 1024;
const DROPPED_MS = 2_000;

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
  /** Hands the bytes over. Throws MayPass when the connection breaks or nothing comes for too long, and what `take` throws. */
  pour(take: Take): Promise<void>;
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
  const dispatcher = connections.to(url, trust);
  const reply = new Reply(Buffer.isBuffer(body) ? null : body, signal);
  dispatcher.dispatch(
    {
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method,
      headers: { 'user-agent': 'layermill', 'accept-encoding': 'identity', ...headers },
      body,
      headersTimeout: body === null ? timeouts.idleMs : timeouts.answerMs,
      bodyTimeout: 0,
      // undici would close a connection after each HEAD, for servers that answer it with a body: most of the time of a batch that
      // is looked at went into connections. After such an answer the next request fails, and is sent again.
      reset: false,
    },
    reply,
  );
  try {
    const { status, headers: got } = await reply.head;
    const all = (name: string): string[] => [got[name] ?? []].flat();
    return {
      status,
      url,
      header: (name) => all(name)[0],
      headers: all,
      pour: (take) => pour(reply, take, outgoing, timeouts),
      drop: () => drop(reply),
    };
  } catch (error) {
    throw brokenBy(error, url.host, signal);
  }
}

async function pour(reply: Reply, take: Take, { url, signal }: Outgoing, { idleMs }: Timeouts): Promise<void> {
  try {
    await reply.pour(take, idleMs);
  } catch (error) {
    throw reply.refused ? error : brokenBy(error, url.host, signal);
  }
}

/** A connection whose last answer was read to its end can be used again. */
function drop(reply: Reply): void {
  if (reply.over) return;
  let left = DROPPED_BYTES;
  const timer = setTimeout(() => reply.stop(new Dropped()), DROPPED_MS);
  const take = ({ length }: Buffer): void => {
    left -= length;
    if (left < 0) throw new Dropped();
  };
  reply
    .pour(take, DROPPED_MS)
    .catch(() => undefined)
    .finally(() => clearTimeout(timer));
}

/** Nobody wants the rest of an answer. */
class Dropped extends Error {}

/** The whole body of a small document. Throws LIMIT_EXCEEDED before more than `most` bytes are in memory. */
export async function bodyOf(answer: Answer, most: number, what: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  await answer.pour((chunk) => {
    size += chunk.length;
    if (size > most) {
      throw engineError('LIMIT_EXCEEDED', `${what} has more than ${most} bytes`, {
        limit: 'document bytes',
        allowed: most,
      });
    }
    chunks.push(Buffer.from(chunk));
  });
  return Buffer.concat(chunks);
}
