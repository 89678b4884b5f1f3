import { PACKING_NAMES } from '../../compression/codecs.ts';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { type Command, Option } from 'commander';
import { type OldReport, checkSameCorpus, compareReports, parseReport } from '../../bench/compare-reports.ts';
import { parseCount, parseGrid, parseMegabytes } from '../../bench/grid.ts';
import { reportPage } from '../../bench/html.ts';
import type { Program } from '../../bench/ours.ts';
import { type BenchReport, OURS, SCENARIOS } from '../../bench/report.ts';
import { type BenchOptions, runBench } from '../../bench/run-bench.ts';
import { packageVersion } from '../../config/defaults.ts';
import { usableCores } from '../../pool/cpu-count.ts';
import { liveBench } from '../bench-live.ts';
import { comparisonText, reportText } from '../bench-text.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { type Session, progressStyle } from '../session.ts';
import { type Verb, examples } from '../verb.ts';

interface Options {
  scenario?: string;
  threads?: string;
  compression?: string;
  level?: string;
  rounds: string;
  size: string;
  images: string;
  seed: string;
  cache: 'warm' | 'cold';
  peers?: boolean;
  work?: string;
  json?: string;
  html?: string;
  compare?: string;
  driver?: string;
  durability?: string;
  config?: string;
}

export const verb: Verb = {
  define: (command) =>
    void addHandedOn(
      command
        .argument('[source...]', 'images to measure with, as import takes them; without any they are made up')
        .option('--scenario <names>', `any of ${SCENARIOS.join(',')} (default: all)`)
        .option('--threads <numbers>', 'numbers of worker threads, such as 1,2 (default: 1, 2, 4, … and all cores)')
        .option('--compression <names>', `any of ${PACKING_NAMES.join(',')} (default: none,gzip,zstd)`)
        .option('--level <numbers>', 'levels of gzip and zstd, such as 1,4,9 (default: the default of each)')
        .option('--rounds <n>', 'how often each is run, everyone in turn', '3')
        .option('--size <bytes>', 'bytes of made-up images', '256MB')
        .option('--images <n>', 'how many images are made up; they share their lower layers', '4')
        .option('--seed <n>', 'other made-up images; the same number gives the same bytes everywhere', '1')
        .addOption(
          new Option('--cache <state>', 'of the page cache before each run').choices(['warm', 'cold']).default('warm'),
        )
        .option('--peers', 'also run GNU tar, skopeo, umoci, podman, docker, pigz and zstd, those that are here')
        .option('--work <dir>', 'where stores and outputs go meanwhile (default: the temporary directory)')
        .option('--json <file>', 'write the results as JSON; - is stdout, and so is --format json')
        .option('--html <file>', 'write the results as a page with charts')
        .option('--compare <file>', 'compare with what --json wrote before'),
    ).addHelpText('after', `\n${EXPLANATION}\n${EXAMPLES}`),

  run: async (session, operands, options: Options) => {
    const before = options.compare === undefined ? null : await readReport(options.compare);
    const plan = planOf(operands, options);
    const live = liveBench(progressStyle(session.settings, process.stderr.isTTY === true), process.stderr);
    try {
      const report = await runBench({
        ...plan,
        signal: session.signal,
        onStep: live.step,
        onChange: live.change,
        onCorpus: (facts) => {
          if (before !== null) checkSameCorpus(before, facts, options.compare!);
        },
      });
      live.close();
      return await tell(session, options, report, before);
    } finally {
      live.close();
    }
  },
};

/** Measured runs get these as they are. */
function addHandedOn(command: Command): Command {
  return command
    .option('--driver <name>', 'the driver of the stores that are measured')
    .option('--durability <when>', 'batch, layer or none, in the runs that are measured')
    .option('--config <file>', 'settings of the runs that are measured');
}

const EXPLANATION = `Scenarios:
  register  import into a new store            create  a new image from a directory
  diff      create --rootfs on a changed tree  layer   the largest layer as a file
  export    all images to an archive, packed to an OCI layout
  (copying from image to image without a store comes with the command copy)

Every run is a process of its own, measured from outside, peers by the same means. What is made must have the same
digests in every round, with every number of threads, and in every tool that knows them; otherwise nothing counts and the
exit code is 5. Stores and outputs on tmpfs measure the program, on a disk the disk too; the results say which it was.`;

const EXAMPLES = examples(
  ['How fast is this machine, and with which settings', 'layermill bench'],
  ['Beside the tools that are here, on your own images', 'layermill bench image.tar --peers --html bench.html'],
  ['Which level is worth it', 'layermill bench --scenario export --compression zstd --level 1,3,6,9'],
  ['Before and after a change', 'layermill bench --json old.json; …; layermill bench --compare old.json'],
);

function planOf(operands: readonly string[], options: Options): BenchOptions {
  return {
    version: packageVersion(),
    programs: [thisProgram(options)],
    sources: operands,
    synthetic: {
      seed: parseCount('--seed', options.seed, 0),
      bytes: parseMegabytes(options.size),
      images: parseCount('--images', options.images, 1),
    },
    grid: parseGrid(options, usableCores()),
    rounds: parseCount('--rounds', options.rounds, 1),
    cache: options.cache,
    work: options.work ?? tmpdir(),
    withPeers: options.peers === true,
  };
}

/** What runs here, started again: the interpreter with its options, and the script. */
function thisProgram({ driver, durability, config }: Options): Program {
  const handedOn = Object.entries({ driver, durability, config }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value],
  );
  return { label: OURS, command: [process.execPath, ...process.execArgv, process.argv[1]!], options: handedOn };
}

async function readReport(file: string): Promise<OldReport> {
  return parseReport(await readFile(file, 'utf8'), file);
}

async function tell(
  { out, json }: Session,
  options: Options,
  report: BenchReport,
  before: OldReport | null,
): Promise<ExitCode> {
  const compared = before === null ? null : compareReports(before, report, options.compare!);
  const document = compared === null ? report : { ...report, compared };
  const asJson = json || options.json === '-';
  if (options.json !== undefined && options.json !== '-') {
    await writeFile(options.json, `${JSON.stringify(document, null, 2)}\n`);
  }
  if (options.html !== undefined) await writeFile(options.html, reportPage(report, compared));
  if (asJson) out.json(document);
  else {
    out.line(reportText(report));
    if (compared !== null) out.line(`\n${comparisonText(compared)}`);
  }
  return EXIT.done;
}
