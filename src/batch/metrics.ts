import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Counter, Gauge, Registry } from 'prom-client';
import { engineError } from '../errors/kinds.ts';
import { errnoOf } from '../errors/system-error.ts';
import type { BatchEvent, BatchProgress } from './events.ts';
import { STAGES } from './ledger/ledger.ts';
import { NO_PROGRESS, progressAfter } from './progress.ts';

const HOST = '127.0.0.1';

/** Where the numbers can be fetched, until it is closed. */
export interface MetricsServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/metrics` */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Numbers of a batch in the text format of Prometheus, by the events of one run.
 */
export class BatchMetrics {
  readonly #registry = new Registry();
  #now = NO_PROGRESS;
  readonly #sent: Counter;
  readonly #bytes: Counter;
  readonly #failures: Counter<'code'>;
  readonly #retries: Counter<'code'>;
  readonly #seconds: Counter<'stage'>;

  constructor() {
    const registers = [this.#registry];
    const counter = <Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> =>
      new Counter({ name: `layermill_batch_${name}`, help, labelNames, registers });
    this.#bytes = counter('bytes_total', 'Bytes of distinct layers, in the sources, that are done.', []);
    this.#sent = counter('sent_bytes_total', 'Bytes that were written or sent to destinations.', []);
    this.#failures = counter('failures_total', 'Attempts at images and layers that failed, by error code.', ['code']);
    this.#retries = counter('retries_total', 'Of those the ones that are tried again.', ['code']);
    this.#seconds = counter('stage_seconds_total', 'Seconds of work by stage, over all threads.', ['stage']);
    for (const stage of STAGES) this.#seconds.inc({ stage }, 0);
    addGauges(this.#registry, () => this.#now);
  }

  note(event: BatchEvent): void {
    this.#now = progressAfter(event, this.#now);
    if (event.type === 'layer-done') {
      this.#bytes.inc(event.bytes);
      this.#sent.inc(event.sent);
      for (const stage of STAGES) this.#seconds.inc({ stage }, (event.stages[stage] ?? 0) / 1000);
    } else if (event.type === 'layer-failed' || event.type === 'image-failed') {
      const { code } = event.failure;
      this.#failures.inc({ code });
      if (event.retryInMs !== null) this.#retries.inc({ code });
    }
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /**
   * Serves them to this machine only. Port 0 lets the system choose. Throws INVALID_ARGUMENT when the port is in use or may
   * not be used.
   */
  async serve(port: number): Promise<MetricsServer> {
    const server = createServer((request, response) => void this.#answer(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(cannotListen(port, error)));
      server.listen(port, HOST, resolve);
    });
    // Somebody who fetches numbers must not keep a program alive that has ended.
    server.unref();
    const close = (): Promise<void> =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    const url = `http://${HOST}:${(server.address() as AddressInfo).port}/metrics`;
    return { url, close, [Symbol.asyncDispose]: close };
  }

  async #answer({ method, url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
    if (url.split('?', 1)[0] !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('the numbers are at /metrics\n');
      return;
    }
    if (method !== 'GET' && method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    const text = await this.text();
    response.writeHead(200, { 'content-type': this.#registry.contentType }).end(method === 'HEAD' ? undefined : text);
  }
}

function addGauges(registry: Registry, sample: () => BatchProgress): void {
  const registers = [registry];
  const gauge = (name: string, help: string, value: (progress: BatchProgress) => number): void =>
    void new Gauge({
      name: `layermill_batch_${name}`,
      help,
      registers,
      collect() {
        this.set(value(sample()));
      },
    });
  const states = (name: string, help: string, of: (progress: BatchProgress) => BatchProgress['images']): void =>
    void new Gauge({
      name: `layermill_batch_${name}`,
      help,
      registers,
      labelNames: ['state'],
      collect() {
        const { done, failed, total } = of(sample());
        this.set({ state: 'done' }, done);
        this.set({ state: 'failed' }, failed);
        this.set({ state: 'waiting' }, total - done - failed);
      },
    });
  states('images', 'Images by state; waiting ones may be under way.', ({ images }) => images);
  states('layers', 'Distinct layers by state; waiting ones may be under way.', ({ layers }) => layers);
  gauge('planned_bytes', 'Bytes of distinct layers in the sources.', ({ bytes }) => bytes.total);
  gauge('in_flight', 'Layers under way.', ({ active }) => active.length);
  gauge('bytes_per_second', 'Over the last seconds; NaN at the beginning.', (now) => now.bytesPerSecond ?? Number.NaN);
  gauge(
    'eta_seconds',
    'Until all bytes are done; NaN where that cannot be said.',
    (now) => now.etaSeconds ?? Number.NaN,
  );
  gauge('elapsed_seconds', 'Since the run began.', ({ elapsedSeconds }) => elapsedSeconds);
}

function cannotListen(port: number, error: NodeJS.ErrnoException): Error {
  const reason = errnoOf(error);
  const why =
    reason === 'EADDRINUSE' ? 'is in use' : reason === 'EACCES' ? 'may not be used' : `cannot be used (${reason})`;
  const message = `port ${port} of ${HOST} ${why}; choose another one for the metrics, or 0 for any that is free`;
  return engineError('INVALID_ARGUMENT', message, { argument: 'metrics', value: String(port) }, error);
}
