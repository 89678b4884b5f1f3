import { asEngineError } from '../../errors/wire.ts';
import { EventQueue } from '../../coordinator/event-queue.ts';
import { onAbort } from '../../streams/abort.ts';
import type { Batch } from '../batch.ts';
import type { BatchEvent } from '../events.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { BatchTools } from '../tools.ts';
import { runBatch } from './run-batch.ts';

export interface MigrateWith {
  tools: BatchTools;
  ledger: Ledger;
  signal?: AbortSignal | undefined;
  trustLedger?: boolean | undefined;
}

/**
 * Runs a batch, and yields what happens. Whoever leaves the iteration stops the run, and has waited for its end. Throws when it
 * could not begin or not go on; an image that failed is an event.
 */
export async function* migrateWith(batch: Batch, options: MigrateWith): AsyncGenerator<BatchEvent> {
  const stop = new AbortController();
  const deafen = onAbort(options.signal, () => stop.abort(options.signal?.reason));
  const events = new EventQueue<BatchEvent>(Number.POSITIVE_INFINITY);
  const running = runBatch(batch, { ...options, signal: stop.signal, emit: (event) => events.push(event) }).then(
    () => events.end(),
    (error: unknown) => events.end(asEngineError(error)),
  );
  try {
    yield* events.read();
  } finally {
    stop.abort();
    await running;
    deafen();
  }
}
