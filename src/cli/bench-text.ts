import { type Compared, VERDICTS } from '../bench/compare-reports.ts';
import { corpusLine, entrantName, figureCells, figuresOf, rangeOf } from '../bench/figures.ts';
import { counted } from '../reporting/counted.ts';
import { peerRatios } from '../bench/peer-ratios.ts';
import { type BenchCase, type BenchReport, type Entrant, OURS, caseName } from '../bench/report.ts';
import { printable } from '../reporting/printable.ts';
import { type Column, table } from './terminal.ts';

const COLUMNS: readonly Column[] = [
  { title: 'WORK' },
  { title: 'TOOL' },
  { title: 'SECONDS', align: 'right' },
  { title: 'MIN–MAX', align: 'right' },
  { title: 'MB/s', align: 'right' },
  { title: 'ENTRIES/s', align: 'right' },
  { title: 'IMAGES/s', align: 'right' },
  { title: 'RATIO', align: 'right' },
  { title: 'CPU s', align: 'right' },
  { title: 'PEAK MB', align: 'right' },
];

/** Everything a bench found, for people. */
export function reportText(report: BenchReport): string {
  const ratios = peersText(report);
  const parts = [
    aboutText(report),
    resultTable(report.cases),
    ...(ratios === null ? [] : [ratios]),
    `Best for this machine\n${indented(report.best.sentences)}`,
    `Commands, as they were run (RUN is a new directory each time, WORK is ${printable(report.work.path)})\n${indented(commandsOf(report.cases))}`,
    `To know\n${indented(report.notes)}`,
  ];
  return parts.join('\n\n');
}

export function resultTable(cases: readonly BenchCase[]): string {
  return table(
    COLUMNS,
    cases.flatMap((found) => found.entrants.map((entrant, index) => rowOf(found, entrant, index === 0))),
  );
}

function rowOf(found: BenchCase, entrant: Entrant, first: boolean): string[] {
  const name = [first ? caseName(found) : '', entrantName(entrant)];
  const figures = figuresOf(found, entrant);
  if (figures === null) return [...name, entrant.failure === null ? '…' : 'failed'];
  return [...name, ...figureCells(figures)];
}

function aboutText({ machine, corpus, rounds, cache, work, peers, layermill }: BenchReport): string {
  const memory = `${(machine.memoryBytes / 1e9).toFixed(0)} GB`;
  const others = peers.map(({ tool, version }) => `${tool} ${version}`);
  return [
    `layermill ${layermill}, Node ${machine.node}, Linux ${machine.kernel}, ${machine.cpu}, ${counted(machine.cores, 'core')}, ${memory}`,
    printable(corpusLine(corpus)),
    `${counted(rounds, 'round')}, everyone in turn; stores and outputs on ${work.fileSystem}`,
    `cache ${cache.done}`,
    ...(others.length === 0 ? [] : [`beside ${others.join(', ')}`]),
  ].join('\n');
}

function peersText({ cases }: BenchReport): string | null {
  const ratios = peerRatios(cases, OURS);
  if (ratios.length === 0) return null;
  const rows = ratios.map(({ scenario, packing, tool, times, size, differs }) => [
    caseName({ scenario, packing }),
    tool,
    `${times.median.toFixed(2)} ×`,
    rangeOf(times),
    size === null ? '' : `${size.toFixed(3)} ×`,
    differs ?? '',
  ]);
  const columns: Column[] = [
    { title: 'WORK' },
    { title: 'PEER' },
    { title: 'TIME', align: 'right' },
    { title: 'MIN–MAX', align: 'right' },
    { title: 'SIZE', align: 'right' },
    { title: 'WHAT IS NOT THE SAME' },
  ];
  return `Time and size of the peers, as multiples of layermill's with the most threads, round by round\n${table(columns, rows)}`;
}

/** What became of an older report's times, and what makes them hard to compare. */
export function comparisonText({ file, rows, caveats }: Compared): string {
  const cells = rows.map(({ name, tool, threads, before, after, ratio, size, verdict }) => [
    name,
    entrantName({ tool, threads }),
    before.median.toFixed(2),
    after.median.toFixed(2),
    `${ratio.toFixed(2)} ×`,
    size === null ? '' : `${size.toFixed(3)} ×`,
    VERDICTS[verdict],
  ]);
  const columns: Column[] = [
    { title: 'WORK' },
    { title: 'TOOL' },
    { title: 'BEFORE s', align: 'right' },
    { title: 'NOW s', align: 'right' },
    { title: 'TIME', align: 'right' },
    { title: 'SIZE', align: 'right' },
    { title: 'VERDICT' },
  ];
  const parts = [
    `Beside ${printable(file)}`,
    table(columns, cells),
    ...caveats.map((caveat) => `  ${printable(caveat)}`),
  ];
  return parts.join('\n');
}

/** What everybody was asked with: one line each, ours with the most threads; `--json` and `--html` have all of them. */
function commandsOf(cases: readonly BenchCase[]): string[] {
  return cases.flatMap((found) => {
    const last = new Map(found.entrants.map((entrant) => [entrant.tool, entrant]));
    const lines = [...last.values()].filter(({ commands }) => commands.length > 0).map(commandLine);
    return [`${caseName(found)}:`, ...lines];
  });
}

function commandLine({ commands }: Entrant): string {
  const more = commands.length === 1 ? '' : `   (and ${commands.length - 1} more like it)`;
  return `  ${printable(commands[0]!)}${more}`;
}

const indented = (lines: readonly string[]): string => lines.map((line) => `  ${line}`).join('\n');
