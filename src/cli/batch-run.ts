import type { BatchEvent } from '../batch/events.ts';
import { errorOf } from '../batch/run/failures.ts';
import type { EngineError } from '../errors/engine-error.ts';
import { counted } from '../reporting/counted.ts';
import { humanSize } from '../reporting/human-size.ts';
import { printable } from '../reporting/printable.ts';
import type { BatchInput } from './batch-input.ts';
import { watchBatch } from './batch-watch.ts';
import { combineExitCodes, EXIT, type ExitCode, exitCodeOf } from './exit-codes.ts';
import { failureLine } from './failure.ts';
import type { Session } from './session.ts';

/** What was typed about a run as such. */
export interface RunBatchOptions {
  ledger?: string | undefined;
  trustLedger?: boolean | undefined;
  metrics?: string | undefined;
}

/** Runs a batch, shows how it comes on and tells what came of each image. Answers the exit code. */
export async function runBatchOf(
  session: Session,
  { job, file, parts }: Pick<BatchInput, 'job' | 'file' | 'parts'>,
  options: RunBatchOptions,
): Promise<ExitCode> {
  const watch = await watchBatch(session, options);
  try {
    const pipeline = await session.pipeline();
    const { defaultLedger, migrate } = await import('../migrate.ts');
    const codes: ExitCode[] = [];
    const events = migrate(job.batch, {
      ...parts,
      pipeline,
      settings: session.settings,
      signal: session.signal,
      ledger: options.ledger ?? defaultLedger(file, job.batch),
      trustLedger: options.trustLedger,
    });
    for await (const event of events) {
      watch.note(event);
      codes.push(...(session.progress.style === 'json' ? printed(session, event) : tell(session, event)));
    }
    return combineExitCodes(codes);
  } finally {
    await watch.close();
  }
}

/** For who reads the events themselves, on stderr: nothing else is written there. */
function printed(session: Session, event: BatchEvent): ExitCode[] {
  if (event.type === 'image-failed' && event.retryInMs === null) {
    const error = errorOf(event.failure) as EngineError;
    if (session.json) session.out.json(failureLine(error, { source: event.source, ref: event.ref }));
    return [exitCodeOf(error, 'image')];
  }
  if (event.type !== 'image-done') return [];
  printImage(session, event);
  return [EXIT.done];
}

function tell(session: Session, event: BatchEvent): ExitCode[] {
  switch (event.type) {
    case 'planned':
      session.progress.line(plannedText(event));
      return [];
    case 'image-done':
      for (const warning of event.warnings) session.log.warn(`${event.ref}: ${warning}`);
      printImage(session, event);
      return [EXIT.done];
    case 'image-failed':
      if (event.retryInMs !== null) return [];
      return [session.fail(errorOf(event.failure) as EngineError, { source: event.source, ref: event.ref }, 'image')];
    case 'warning':
      session.log.warn(event.message);
      return [];
    default:
      return [];
  }
}

function plannedText({ ledger, totals }: BatchEvent & { type: 'planned' }): string {
  const { images, distinctLayers, layers, distinctBytes, logicalBytes } = totals;
  const what = `${counted(images, 'image')}, ${distinctLayers} of ${layers} layers distinct, ${humanSize(distinctBytes)} of ${humanSize(logicalBytes)}`;
  return `${what}; ledger: ${ledger ?? 'none'}`;
}

function printImage(session: Session, event: BatchEvent & { type: 'image-done' }): void {
  const { type: _type, at: _at, key: _key, ...line } = event;
  if (session.json) session.out.json(line);
  else if (event.changed) session.out.line(textOf(event));
}

function textOf({
  names,
  ref,
  digest,
  layers,
  bytes,
  equality,
  destination,
}: BatchEvent & { type: 'image-done' }): string {
  const called = printable(names.length > 0 ? names.join(', ') : ref);
  return `${called}  ${digest?.slice(7, 19) ?? ''}  ${counted(layers, 'layer')}, ${humanSize(bytes)}  ${equality}  ${printable(destination)}`;
}
