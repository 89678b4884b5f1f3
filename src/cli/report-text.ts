import type { BatchReport, FailureGroup } from '../batch/report/report.ts';
import { savedBytes } from '../batch/report/sharing.ts';
import { placeOf, stretchesOf } from '../batch/report/time-axis.ts';
import {
  CLASS_TEXTS,
  countsText,
  factsOf,
  failuresOf,
  groupText,
  spanText,
  stageShares,
  throughputText,
  verdictOf,
} from '../batch/report/wording.ts';
import { counted } from '../reporting/counted.ts';
import { humanDuration } from '../reporting/human-duration.ts';
import { humanSize } from '../reporting/human-size.ts';
import { columnsOf, fitted, printable } from '../reporting/printable.ts';
import { shortId, table } from './terminal.ts';

/** What fits where nobody says how wide it is. */
const COLUMNS = 80;

/** Of more failures of one kind, and of more that was slow or shared, only the number is told. */
const [FAILURES, MOST] = [5, 5];

/** A report for people: what needs them first. */
export function batchText(report: BatchReport): string {
  const { headline, sentences } = verdictOf(report);
  const parts = [
    [headline, ...sentences].flatMap((sentence) => wrapped(sentence)).join('\n'),
    factsText(report),
    failuresText(report),
    throughputPart(report),
    stagesText(report),
    sharingText(report),
    slowestText(report),
    destinationsText(report),
    ledgersText(report),
    wrapped('Each image, with its digests before and after: --format html -o FILE, or --format json.').join('\n'),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

/** Words in lines that fit, the first behind `start` and the others below it; a longer word has a line for itself. */
function wrapped(text: string, start = ''): string[] {
  const [first = '', ...words] = printable(text).split(' ');
  const lines = [start + first];
  for (const word of words) {
    const longer = `${lines.at(-1)} ${word}`;
    if (columnsOf(longer) <= COLUMNS) lines[lines.length - 1] = longer;
    else lines.push(' '.repeat(start.length) + word);
  }
  return lines;
}

function factsText(report: BatchReport): string {
  const width = Math.max(...factsOf(report).map(([name]) => name.length)) + 2;
  return factsOf(report)
    .map(([name, value]) => `${name.padEnd(width)}${printable(value)}`)
    .join('\n');
}

function failuresText(report: BatchReport): string {
  if (report.failures.length === 0) return '';
  return ['What failed, and what to do', ...report.failures.map((group) => failureText(group, report))].join('\n');
}

function failureText(group: FailureGroup, report: BatchReport): string {
  const all = failuresOf(group, report);
  const told = all.slice(0, FAILURES).flatMap(({ what, why }) => wrapped(`${what}: ${why}`, '    '));
  return [
    `  ${printable(group.code)} (${CLASS_TEXTS[group.class]}): ${groupText(group)}`,
    ...wrapped(group.advice, '    → '),
    ...told,
    ...(all.length > FAILURES ? [`    … and ${all.length - FAILURES} more`] : []),
  ].join('\n');
}

const BLOCKS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** One line of blocks; a pause is a vertical line. */
function throughputPart(report: BatchReport): string {
  const { rates, seconds } = ratesOf(report);
  const most = rates.reduce<number>((highest, rate) => Math.max(highest, rate ?? 0), 0);
  if (most === 0) return '';
  const line = rates.map((rate) => (rate === null ? '┊' : BLOCKS[Math.ceil((8 * rate) / most)]!)).join('');
  return [
    `Throughput, up to ${humanSize(Number(most.toPrecision(3)))}/s of layers`,
    `  ${line}`,
    `  ${spanText(report.sittings[0]!.from, report.sittings.at(-1)!.to)} UTC`,
    ...wrapped(throughputText(report, seconds), '  '),
  ].join('\n');
}

/** Bytes a second in each column, null where nobody was at it; and how many seconds a column is. */
function ratesOf(report: BatchReport): { rates: (number | null)[]; seconds: number } {
  const { bucketSeconds, buckets } = report.throughput;
  const stretches = stretchesOf(report);
  const last = stretches.at(-1);
  const units = last === undefined ? 0 : last.offset + last.buckets;
  const perColumn = Math.max(1, Math.ceil(units / (COLUMNS - 4)));
  const seconds = perColumn * bucketSeconds;
  const rates = Array.from<unknown, number | null>({ length: Math.ceil(units / perColumn) }, () => 0);
  for (const { offset } of stretches.slice(1)) rates[Math.max(0, Math.floor(offset / perColumn) - 1)] = null;
  for (const bucket of buckets) {
    const place = placeOf(bucket, stretches, bucketSeconds);
    if (place === null) continue;
    const column = Math.floor(place / perColumn);
    rates[column] = (rates[column] ?? 0) + bucket.bytes / seconds;
  }
  return { rates, seconds };
}

const BAR = 40;

function stagesText(report: BatchReport): string {
  const shares = stageShares(report);
  if (shares.length === 0) return '';
  const most = Math.max(...shares.map(({ ms }) => ms));
  const rows = shares.map(({ stage, ms, text }) => {
    const bar = '█'.repeat(Math.max(1, Math.round((BAR * ms) / most)));
    return `  ${stage.padEnd(9)}${bar.padEnd(BAR + 2)}${text}`;
  });
  return ['Time by stage, over all threads', ...rows].join('\n');
}

function sharingText({ totals, sharing, layers }: BatchReport): string {
  if (totals.sharedBytes === 0) return '';
  const percent = ((100 * totals.sharedBytes) / totals.logicalBytes).toFixed(0);
  const rows = sharing.layers.slice(0, MOST).map((place) => {
    const layer = layers[place]!;
    return [shortId(layer.digest), humanSize(layer.size), `${layer.uses} images`, humanSize(savedBytes(layer))];
  });
  const columns = [
    { title: '  LAYER' },
    { title: 'SIZE', align: 'right' },
    { title: 'USED BY', align: 'right' },
    { title: 'SAVES', align: 'right' },
  ] as const;
  return `Sharing saves ${humanSize(totals.sharedBytes)} (${percent} %)\n${indented(columns, rows)}`;
}

function slowestText({ slowest, images, layers }: BatchReport): string {
  const rows = [
    ...slowest.images.slice(0, MOST).map((place) => {
      const { ref, bytes, seconds } = images[place]!;
      return [fitted(printable(ref), 48), humanSize(bytes), humanDuration(seconds!)];
    }),
    ...slowest.layers.slice(0, MOST).map((place) => {
      const { digest, size, seconds } = layers[place]!;
      return [`layer ${shortId(digest)}`, humanSize(size), humanDuration(seconds!)];
    }),
  ];
  if (rows.length < 2) return '';
  return `What took longest\n${indented([{ title: '  IMAGE' }, { title: 'SIZE', align: 'right' }, { title: 'TIME', align: 'right' }], rows)}`;
}

function destinationsText({ destinations }: BatchReport): string {
  if (destinations.length < 2) return '';
  const rows = destinations.map(({ destination, images, sent }) => [
    fitted(printable(destination), 36),
    countsText(images),
    humanSize(sent),
  ]);
  return `Destinations\n${indented([{ title: '  DESTINATION' }, { title: 'IMAGES' }, { title: 'SENT', align: 'right' }], rows)}`;
}

function ledgersText({ ledgers, duplicates }: BatchReport): string {
  if (ledgers.length < 2) return '';
  const rows = ledgers.map(({ location, images, sentBytes }) => [location, countsText(images), humanSize(sentBytes)]);
  const twice =
    duplicates.length === 0
      ? ''
      : `\n  ${counted(duplicates.length, 'image')} in more than one of them; the furthest result counts`;
  return `Ledgers\n${indented([{ title: '  LEDGER' }, { title: 'IMAGES' }, { title: 'SENT', align: 'right' }], rows)}${twice}`;
}

/** A table with its first column two characters in, below a heading. */
function indented(columns: Parameters<typeof table>[0], rows: readonly (readonly string[])[]): string {
  return table(
    columns,
    rows.map(([first = '', ...others]) => [`  ${first}`, ...others]),
  );
}
