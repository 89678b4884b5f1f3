import { writeFile } from 'node:fs/promises';
import type { Batch } from '../../batch/batch.ts';
import type { PlanTotals } from '../../batch/events.ts';
import { jobDocument, printJobFile } from '../../batch/job-file/write-job-file.ts';
import type { Estimate } from '../../batch/plan/estimate.ts';
import type { Plan } from '../../batch/plan/plan.ts';
import { counted } from '../../reporting/counted.ts';
import { humanSize } from '../../reporting/human-size.ts';
import { printable } from '../../reporting/printable.ts';
import { addBatchOptions, type BatchOptions } from '../batch-options.ts';
import { readBatch } from '../batch-input.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { addRegistryOptions } from '../registry-options.ts';
import type { Session } from '../session.ts';
import { table } from '../terminal.ts';
import { examples, type Verb } from '../verb.ts';

interface Options extends BatchOptions {
  shards?: string;
  images?: boolean;
  output?: string;
  printJob?: boolean;
}

export const verb: Verb = {
  define: (command) =>
    void addRegistryOptions(
      addBatchOptions(command, 'as of `layermill run`; with --from alone, its job file is printed')
        .option('--print-job', 'print the job file that says the same, also where --from has a target beside it')
        .option('--images', 'list every image, with where it goes')
        .option('--shards <n>', 'write so many job files that share as few layers as possible')
        .option('-o, --output <prefix>', 'where shards are written: PREFIX-1.yaml, … (default: shard)'),
      ['src', 'dest'],
    ).addHelpText('after', OUTRO),

  run: async (session, operands, options: Options) => {
    const { job, warnings, parts } = await readBatch(session, operands, options);
    for (const warning of warnings) session.log.warn(warning);
    const isImport = options.from !== undefined && operands.length === 0 && options.shards === undefined;
    if (options.printJob === true || isImport) {
      if (session.json) session.out.json(jobDocument(job));
      else session.out.line(printJobFile(job, warnings).trimEnd());
      return EXIT.done;
    }
    const { planBatch } = await import('../../plan-batch.ts');
    const pipeline = await session.pipeline();
    const { plan, totals, estimate } = await planBatch(job.batch, {
      ...parts,
      pipeline,
      settings: session.settings,
      signal: session.signal,
    });
    if (options.shards !== undefined) return writeShards(session, plan, options);
    return tellPlan(session, { plan, totals, estimate }, options);
  },
};

interface Planned {
  plan: Plan;
  totals: PlanTotals;
  estimate: Estimate;
}

async function tellPlan(
  session: Session,
  { plan, totals, estimate }: Planned,
  { images = false }: Options,
): Promise<ExitCode> {
  const { refuseShortage } = await import('../../batch/plan/estimate.ts');
  if (session.json) session.out.json({ ...plan, totals, estimate });
  else session.out.line(textOf(totals, estimate));
  if (images && !session.json) session.out.line(`\n${imagesText(plan)}`);
  for (const { problem, source, ref } of plan.images)
    if (problem !== null)
      session.progress.line(printable(`${plan.sources[source]!.location}: ${ref}: ${problem.message}`));
  try {
    refuseShortage(estimate);
  } catch (error) {
    return session.tell(error, { source: null, ref: null }, 'before');
  }
  return plan.images.some(({ problem }) => problem !== null) ? EXIT.failed : EXIT.done;
}

function textOf(totals: PlanTotals, { seconds, threads, disks, memory, pulls }: Estimate): string {
  const { images, layers, distinctLayers, logicalBytes, distinctBytes, thereBytes, destinations } = totals;
  const facts: [string, string][] = [
    ['Images', `${images} to ${counted(destinations, 'destination')}`],
    ['Layers', `${distinctLayers} distinct of ${layers}`],
    ['Bytes', `${humanSize(distinctBytes)} distinct of ${humanSize(logicalBytes)}`],
    ['Already there', humanSize(thereBytes)],
    [
      'Work',
      `${seconds === 0 ? 'less than 1 s' : `about ${seconds} s`} with ${threads} threads, without waiting for the network`,
    ],
    ...disks.map(({ path, needed, free }): [string, string] => [
      'Disk',
      `${humanSize(needed)} of ${humanSize(free)} free in ${path}`,
    ]),
    ['Memory', `${humanSize(memory.needed)} at most, of ${humanSize(memory.free)} free`],
    ...pulls.map(({ host, needed, left, limit }): [string, string] => ['Pulls', pullsText(host, needed, left, limit)]),
  ];
  return facts.map(([name, value]) => `${name.padEnd(15)}${printable(value)}`).join('\n');
}

function pullsText(host: string, needed: number, left: number | null, limit: number | null): string {
  const quota = left === null ? 'it does not say how many it allows' : `${left} of ${limit} left`;
  return `${needed} from ${host}; ${quota}`;
}

function imagesText({ images, sources }: Plan): string {
  const columns = [
    { title: 'IMAGE' },
    { title: 'PLATFORM' },
    { title: 'LAYERS', align: 'right' },
    { title: 'FROM' },
    { title: 'TO' },
  ] as const;
  const rows = images.map(({ names, ref, platform, blobs, source, destination, only }) => [
    printable(names.join(', ') || ref),
    platform ?? '',
    String(blobs.length),
    printable(sources[source]!.location),
    printable(only === null ? destination : `${destination}:${only}`),
  ]);
  return table(columns, rows);
}

async function writeShards(session: Session, plan: Plan, { shards, output = 'shard' }: Options): Promise<ExitCode> {
  const { shardsOf } = await import('../../batch/plan/shards.ts');
  if (!/^[1-9]\d{0,3}$/.test(shards!)) {
    const { badArgument } = await import('../../errors/arguments.ts');
    throw badArgument('--shards', `--shards must be a whole number from 1 to 9999, not ${JSON.stringify(shards)}`);
  }
  const batches: Batch[] = shardsOf(plan, Number(shards));
  for (const [at, batch] of batches.entries()) {
    const path = `${output}-${at + 1}.yaml`;
    await writeFile(path, printJobFile({ batch }, [`shard ${at + 1} of ${batches.length}`]));
    if (session.json) session.out.json({ path, entries: batch.entries.length });
    else session.out.line(`${path}  ${counted(batch.entries.length, 'source')}`);
  }
  return EXIT.done;
}

const OUTRO = `
Reads every manifest of the sources, and says what a run would do and need. Exits 6 where disk, memory or pulls are too few.
${examples(
  ['What would be moved', 'layermill plan job.yaml --images'],
  ['The job file for what another tool did', 'layermill plan --from regsync.yml > job.yaml'],
  [
    'And for one of skopeo sync, which does not say where images go',
    'layermill plan --from sync.yml docker://HOST/PATH/ --print-job > job.yaml',
  ],
  ['For twenty machines', 'layermill plan job.yaml --shards 20 -o shard'],
)}`;
