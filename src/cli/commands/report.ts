import { Option } from 'commander';
import { listLine } from '../../batch/job-file/list.ts';
import { failedLines } from '../../batch/report/failed-list.ts';
import { reportPage } from '../../batch/report/html/report-page.ts';
import { junitXml } from '../../batch/report/junit.ts';
import { mergeReports } from '../../batch/report/merge-reports.ts';
import { openReport } from '../../batch/report/open-report.ts';
import type { BatchReport } from '../../batch/report/report.ts';
import { engineError } from '../../errors/kinds.ts';
import { counted } from '../../reporting/counted.ts';
import { printable } from '../../reporting/printable.ts';
import { type Destination, findDestination, writeTo } from '../../streams/destination.ts';
import { EXIT } from '../exit-codes.ts';
import { batchText } from '../report-text.ts';
import type { Session } from '../session.ts';
import { examples, type Verb } from '../verb.ts';

const FORMATS = ['text', 'json', 'junit', 'html'] as const;
type Format = (typeof FORMATS)[number];

interface Options {
  format?: Format;
  output?: string;
  failed?: string;
}

export const verb: Verb = {
  define: (command) =>
    void command
      .argument(
        '<ledger...>',
        'ledgers, job files with their ledgers beside them, or reports as JSON; several are merged',
      )
      .addOption(new Option('--format <form>', 'what to write (default: text)').choices(FORMATS))
      .option('-o, --output <file>', 'write to a file; otherwise to stdout, of a page or XML never to a terminal')
      .option('--failed <file>', 'also write what has failed as a list that `layermill run --from` takes')
      .addHelpText('after', OUTRO),

  run: async (session, operands, options: Options) => {
    const format = options.format ?? (session.json ? 'json' : 'text');
    const output = await findDestination(options.output ?? '-');
    const failed = options.failed === undefined ? null : await findDestination(options.failed);
    checkOutputs(session, format, output, failed);
    const reports: BatchReport[] = [];
    for (const operand of operands) reports.push(await openReport(operand));
    const report = mergeReports(reports);
    await write(session, output, WRITERS[format](report));
    if (failed !== null) await write(session, failed, failedText(report));
    return EXIT.done;
  },
};

const WRITERS: Readonly<Record<Format, (report: BatchReport) => string>> = {
  text: (report) => `${batchText(report)}\n`,
  json: (report) => `${JSON.stringify(report)}\n`,
  junit: junitXml,
  html: reportPage,
};

function checkOutputs({ out }: Session, format: Format, output: Destination, failed: Destination | null): void {
  if (output.kind === 'stdout' && failed?.kind === 'stdout') {
    const message = 'the report and the list of what has failed cannot both go to stdout; give one of them a file';
    throw engineError('INVALID_ARGUMENT', message, { argument: '--failed' });
  }
  if (output.kind !== 'stdout' || !out.isTerminal || format === 'text' || format === 'json') return;
  throw engineError('TERMINAL_OUTPUT', `a report as ${format} is not written to a terminal`, {});
}

/** The lines, and above them what they are. */
function failedText(report: BatchReport): string {
  const lines = failedLines(report);
  const where = report.ledgers.map(({ location }) => location).join(', ');
  const comments = [
    `${counted(report.totals.images.failed, 'image')} failed by ${where}, ${report.at}`,
    'Platforms, compression and the like do not stand in a list: give them to the run again.',
  ].map((comment) => `# ${printable(comment)}`);
  return [...comments, ...lines.map(({ source, target }) => listLine(source, target))]
    .map((line) => `${line}\n`)
    .join('');
}

async function write({ out, signal }: Session, destination: Destination, text: string): Promise<void> {
  if (destination.kind === 'stdout') {
    out.bytes(Buffer.from(text));
    return;
  }
  const fill = (to: NodeJS.WritableStream): Promise<void> =>
    new Promise((resolve, reject) => {
      to.once('error', reject);
      to.write(text, () => resolve());
    });
  await writeTo(destination, fill, { signal });
}

const OUTRO = `
The page (html) needs nothing but itself and runs nothing; JUnit XML is for CI systems. The JSON has a schema,
config/report.schema.json, and can be given to this command again. What has failed does not change the exit code: 0.
${examples(
  ['How far it is, or what came of it', 'layermill report job.yaml'],
  [
    'As a page, and what has failed to be run again',
    'layermill report job.ledger --format html -o report.html --failed failed.txt',
  ],
  ['Run again what has failed', 'layermill run --from failed.txt'],
  ['Shards of other machines together', 'layermill report shard-*.json --format html -o all.html'],
)}`;
