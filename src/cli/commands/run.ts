import { openReport } from '../../batch/report/open-report.ts';
import { readBatch } from '../batch-input.ts';
import { addBatchOptions, type BatchOptions } from '../batch-options.ts';
import { runBatchOf, type RunBatchOptions } from '../batch-run.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { addRegistryOptions } from '../registry-options.ts';
import { batchText } from '../report-text.ts';
import type { Session } from '../session.ts';
import { examples, type Verb } from '../verb.ts';

interface Options extends BatchOptions, RunBatchOptions {
  status?: boolean;
}

export const verb: Verb = {
  define: (command) =>
    void addRegistryOptions(
      addBatchOptions(command, 'a job file; or sources as of `layermill copy`, patterns too, and where all of them go')
        .option('--ledger <file>', 'the record of the run (default: beside the job file, else in the state directory)')
        .option('--trust-ledger', 'ask nobody about what the ledger calls done')
        .option('--status', 'say how far the run is that has this ledger, and run nothing')
        .option('--metrics <port>', 'numbers for Prometheus on 127.0.0.1:PORT/metrics while it runs'),
      ['src', 'dest'],
    ).addHelpText('after', OUTRO),

  run: async (session, operands, options: Options) => {
    if (options.status === true) return tellStatus(session, operands, options);
    const input = await readBatch(session, operands, options);
    for (const warning of input.warnings) session.log.warn(warning);
    return runBatchOf(session, input, options);
  },
};

/** What a ledger says, of a run that goes on or has ended: nothing is run. */
async function tellStatus(session: Session, operands: readonly string[], options: Options): Promise<ExitCode> {
  const report = await openReport(options.ledger ?? (await ledgerOf(session, operands, options)));
  if (session.json) session.out.json(report);
  else session.out.line(batchText(report));
  return EXIT.done;
}

async function ledgerOf(session: Session, operands: readonly string[], options: Options): Promise<string> {
  const [only, ...others] = operands;
  if (only !== undefined && others.length === 0) return only;
  const { job, file } = await readBatch(session, operands, options);
  const { defaultLedger } = await import('../../migrate.ts');
  return defaultLedger(file, job.batch);
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
