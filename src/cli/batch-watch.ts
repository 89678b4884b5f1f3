import type { BatchEvent } from '../batch/events.ts';
import { badArgument } from '../errors/arguments.ts';
import { showBatch } from './batch-progress.ts';
import type { Session } from './session.ts';

/** Who is told of a batch beside those who read its results: people, logs, programs, Prometheus. */
export interface BatchWatch {
  note(event: BatchEvent): void;
  close(): Promise<void>;
}

/** `metrics` is the port that was typed. Throws INVALID_ARGUMENT for one that is none, or is in use. */
export async function watchBatch(session: Session, { metrics }: { metrics?: string | undefined }): Promise<BatchWatch> {
  const numbers = metrics === undefined ? null : await openMetrics(session, portOf(metrics));
  const display = showBatch(session.progress);
  return {
    note: (event) => {
      display.note(event);
      numbers?.note(event);
    },
    close: async () => {
      display.close();
      await numbers?.close();
    },
  };
}

/** Loaded when somebody wants them. */
async function openMetrics(session: Session, port: number): Promise<BatchWatch> {
  const { BatchMetrics } = await import('../batch/metrics.ts');
  const metrics = new BatchMetrics();
  const server = await metrics.serve(port);
  if (session.progress.style !== 'json') session.progress.line(`metrics: ${server.url}`);
  return { note: (event) => metrics.note(event), close: () => server.close() };
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw badArgument('--metrics', `--metrics takes a port from 0 to 65535, not ${JSON.stringify(text)}`);
}
