import type { BatchEvent } from '../../batch/events.ts';
import { errorOf } from '../../batch/run/failures.ts';
import type { EngineError } from '../../errors/engine-error.ts';
import { humanSize } from '../../reporting/human-size.ts';
import { printable } from '../../reporting/printable.ts';
import { type BatchInput, readBatch } from '../batch-input.ts';
import { addBatchOptions, type BatchOptions } from '../batch-options.ts';
import { watchBatch } from '../batch-watch.ts';
import { combineExitCodes, EXIT, type ExitCode, exitCodeOf } from '../exit-codes.ts';
import { failureLine } from '../failure.ts';
import { addRegistryOptions } from '../registry-options.ts';
import type { Session } from '../session.ts';
import { examples, type Verb } from '../verb.ts';

interface Options extends BatchOptions {
  ledger?: string;
  trustLedger?: boolean;
  metrics?: string;
}

export const verb: Verb = {
  define: (command) =>
    void addRegistryOptions(
      addBatchOptions(
        command
          .usage('[options] <jobfile> | <source...> <destination>')
          .argument(
            '[operands...]',
            'a job file; or sources as of `layermill copy`, patterns too, and where all of them go',
          ),
      )
        .option('--ledger <file>', 'the record of the run (default: beside the job file, else in the state directory)')
        .option('--trust-ledger', 'ask nobody about what the ledger calls done')
        .option('--metrics <port>', 'numbers for Prometheus on 127.0.0.1:PORT/metrics while it runs'),
      ['src', 'dest'],
    ).addHelpText('after', OUTRO),

  run: async (session, operands, options: Options) => {
    const input = await readBatch(session, operands, options);
    for (const warning of input.warnings) session.log.warn(warning);
    return runJob(session, input, options);
  },
};

async function runJob(session: Session, { job, file, parts }: BatchInput, options: Options): Promise<ExitCode> {
  const watch = await watchBatch(session, options);
  try {
    const pipeline = await session.pipeline('now');
    const { migrate } = await import('../../migrate.ts');
    const { ledgerPath } = await import('../../batch/ledger/open-ledger.ts');
    const { batchId } = await import('../../batch/plan/make-plan.ts');
    const codes: ExitCode[] = [];
    const events = migrate(job.batch, {
      ...parts,
      pipeline,
      settings: session.settings,
      signal: session.signal,
      ledger: options.ledger ?? ledgerPath(file, batchId(job.batch), process.env),
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
  const what = `${images} images, ${distinctLayers} of ${layers} layers distinct, ${humanSize(distinctBytes)} of ${humanSize(logicalBytes)}`;
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
  return `${called}  ${digest?.slice(7, 19) ?? ''}  ${layers} layers, ${humanSize(bytes)}  ${equality}  ${printable(destination)}`;
}

const OUTRO = `
Each distinct layer is read, checked, packed and written once for all images. A run that was broken off, also by kill -9,
goes on with the same command; one that is done is looked at, by one HEAD for each tag, and left alone.
${examples(
  [
    'All archives of a directory to one layout',
    "layermill run 'docker-archive:/archives/*.tar' oci:/out --dest-compress-format zstd",
  ],
  ['To a registry, each under its own name', "layermill run '/archives/*.tar' docker://registry.example/moved/"],
  ['To a layout each', "layermill run '/archives/*.tar' 'oci:/out/{name}'"],
  ['By a job file', 'layermill run job.yaml'],
)}`;
