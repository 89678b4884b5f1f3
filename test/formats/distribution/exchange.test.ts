import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Connections } from '../../../src/formats/distribution/connections.ts';
import { type Answer, bodyOf, exchange } from '../../../src/formats/distribution/exchange.ts';
import { MayPass } from '../../../src/formats/distribution/may-pass.ts';
import { codeOf } from '../../support/code-of.ts';
import { seeded } from '../../support/random.ts';

const BYTES = seeded(11).bytes(3_000_001);

describe('an exchange', () => {
  let server: Server;
  let connections: Connections;
  let sockets = 0;
  let origin: string;
  beforeEach(async () => {
    sockets = 0;
    server = createServer((request, response) => {
      const random = seeded(Number(new URL(request.url!, origin).searchParams.get('seed')));
      if (request.url!.startsWith('/whole')) {
        response.setHeader('content-length', BYTES.length).end(BYTES);
        return;
      }
      if (request.url === '/short') {
        response.end('nothing more');
        return;
      }
      if (request.url!.startsWith('/silent')) {
        response.write(BYTES.subarray(0, 5000));
        return;
      }
      // In chunks of any size, as slowly as chance has it.
      void (async () => {
        for (let at = 0; at < BYTES.length;) {
          const end = at + 1 + random.below(400_000);
          response.write(BYTES.subarray(at, end));
          at = end;
          if (random.below(3) === 0) await pause(random.below(5));
        }
        response.end();
      })();
    });
    server.on('connection', () => sockets++);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    connections = new Connections({});
  });
  afterEach(async () => {
    await connections.close();
    server.close();
    server.closeAllConnections();
  });

  const ask = (path: string, signal?: AbortSignal, idleMs = 10_000): Promise<Answer> =>
    exchange(
      connections,
      { method: 'GET', url: new URL(path, origin), headers: {}, body: null, signal },
      { insecure: true, tls: {} },
      { idleMs, answerMs: idleMs },
    );

  it.each(['/whole', '/chunks'])('hands over every byte of %s, to a taker of any speed', async (path) => {
    for (let seed = 1; seed <= 6; seed++) {
      const random = seeded(seed);
      const taken: Buffer[] = [];
      const answer = await ask(`${path}?seed=${seed}`);
      if (random.below(2) === 0) await pause(20);
      await answer.pour((chunk) => {
        if (random.below(3) > 0) return void taken.push(Buffer.from(chunk));
        // The bytes are looked at only when the time is over: they have to be there still.
        return pause(random.below(8)).then(() => void taken.push(Buffer.from(chunk)));
      });
      expect(Buffer.concat(taken).equals(BYTES)).toBe(true);
    }
    // undici keeps a connection to itself for a moment, so that the next request may need another.
    expect(sockets).toBeLessThanOrEqual(2);
  });

  it('reads a head that comes in pieces', async () => {
    const names = Array.from({ length: 40 }, (_, at) => `x-name-${at}`);
    const head = `HTTP/1.1 200 OK\r\n${names.map((name) => `${name}: value of ${name}\r\n`).join('')}content-length: 2\r\n\r\nok`;
    const pieces = createTcpServer((socket) => {
      socket.setNoDelay(true).on('error', () => {});
      void (async () => {
        for (let at = 0; at < head.length; at += 97) {
          socket.write(head.slice(at, at + 97));
          await pause(2);
        }
      })();
    });
    pieces.listen(0, '127.0.0.1');
    await once(pieces, 'listening');
    const { port } = pieces.address() as AddressInfo;
    const answer = await ask(`http://127.0.0.1:${port}/`);
    expect(names.map((name) => answer.header(name))).toEqual(names.map((name) => `value of ${name}`));
    expect((await bodyOf(answer, 10, 'it')).toString()).toBe('ok');
    pieces.close();
  });

  it('hands over several bodies at once, each its own', async () => {
    const seeds = [1, 2, 3, 4, 5];
    const bodies = await Promise.all(
      seeds.map(async (seed) => bodyOf(await ask(`/${seed % 2 === 0 ? 'whole' : 'chunks'}?seed=${seed}`), 1e7, 'it')),
    );
    expect(bodies.map((body) => body.equals(BYTES))).toEqual(seeds.map(() => true));
  });

  it('throws what the taker throws, at once or later, and gives the connection up', async () => {
    const own = new RangeError('enough');
    const atOnce = (await ask('/whole')).pour(() => {
      throw own;
    });
    await expect(atOnce).rejects.toBe(own);
    const later = (await ask('/whole')).pour(() => Promise.reject(own));
    await expect(later).rejects.toBe(own);
    expect((await bodyOf(await ask('/whole'), 1e7, 'it')).equals(BYTES)).toBe(true);
  });

  it('ends when it is cancelled, before the head and within the body', async () => {
    const before = AbortSignal.abort();
    expect(await codeOf(ask('/whole', before))).toBe('CANCELLED');
    const within = new AbortController();
    const answer = await ask('/silent', within.signal);
    setTimeout(() => within.abort(), 20);
    expect(await codeOf(answer.pour(() => {}))).toBe('CANCELLED');
    const slow = new AbortController();
    const slowly = await ask('/whole', slow.signal);
    const pouring = slowly.pour(() => {
      slow.abort();
      return pause(20);
    });
    expect(await codeOf(pouring)).toBe('CANCELLED');
  });

  it('does not wait for ever for what does not come, but for a taker as long as that wants', async () => {
    const silent = await ask('/silent', undefined, 80);
    await expect(silent.pour(() => {})).rejects.toBeInstanceOf(MayPass);
    const patient = await ask('/whole', undefined, 80);
    const taken: Buffer[] = [];
    let first = true;
    await patient.pour(async (chunk) => {
      if (first) await pause(250);
      first = false;
      taken.push(Buffer.from(chunk));
    });
    expect(Buffer.concat(taken).equals(BYTES)).toBe(true);
  });

  it('keeps the connection of a short answer that nobody read, and goes on after a long one', async () => {
    for (let turn = 0; turn < 3; turn++) {
      (await ask('/short')).drop();
      await pause(20);
    }
    expect(sockets).toBe(1);
    (await ask('/whole')).drop();
    await pause(20);
    expect((await bodyOf(await ask('/whole'), 1e7, 'it')).equals(BYTES)).toBe(true);
    expect(sockets).toBeGreaterThan(1);
  });
});
