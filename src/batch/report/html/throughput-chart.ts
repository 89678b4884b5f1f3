import { escaped } from '../../../reporting/html-page.ts';
import { counted } from '../../../reporting/counted.ts';
import { humanSize } from '../../../reporting/human-size.ts';
import { momentText } from '../wording.ts';
import type { BatchReport, Bucket } from '../report.ts';
import { isoTime } from '../throughput.ts';
import { type Stretch, placeOf, stretchesOf } from '../time-axis.ts';

/** Pixels from the top: the highest bar begins, bars stand, attempts that failed are marked, times are written. */
const [TOP, BASE, MARKS, TIMES] = [18, 158, 161, 184];

/** A run of a few seconds is not drawn as one wall. */
const FEWEST_BUCKETS = 12;

/** Rates over time as bars; where nobody was at it there is a grey gap of one width, however long it was. */
export function throughputChart(report: BatchReport): string {
  const { bucketSeconds, buckets } = report.throughput;
  const stretches = stretchesOf(report);
  const last = stretches.at(-1);
  if (last === undefined || buckets.length === 0) return '';
  const units = Math.max(FEWEST_BUCKETS, last.offset + last.buckets);
  const axis: Axis = { units, top: niceTop(highest(buckets) / bucketSeconds) * bucketSeconds, bucketSeconds };
  const bars = buckets.flatMap((bucket) => {
    const at = placeOf(bucket, stretches, bucketSeconds);
    return at === null ? [] : [barOf(bucket, at, axis)];
  });
  return `<svg class="chart throughput" role="img" aria-label="Bytes of layers that were finished over time">
${gridOf()}${pausesOf(stretches, axis)}${bars.join('')}${ratesOf(axis)}
${timesOf(stretches[0]!, last, axis)}</svg>`;
}

interface Axis {
  units: number;
  /** Bytes in a bucket at the upper end. */
  top: number;
  bucketSeconds: number;
}

const highest = (buckets: readonly Bucket[]): number =>
  buckets.reduce((most, { bytes, sent }) => Math.max(most, bytes, sent), 1);

/** The next of 1, 2, 3, 5, 10, 20, …. */
function niceTop(rate: number): number {
  const power = 10 ** Math.floor(Math.log10(rate));
  return power * ([1, 2, 3, 5].find((step) => rate <= step * power) ?? 10);
}

const percent = (part: number, all: number): string => `${((100 * part) / all).toFixed(3)}%`;

function barOf(bucket: Bucket, at: number, { units, top, bucketSeconds }: Axis): string {
  const rect = (kind: string, x: number, width: number, bytes: number): string => {
    const height = ((BASE - TOP) * bytes) / top;
    return height === 0
      ? ''
      : `<rect class="${kind}" x="${percent(x, units)}" y="${(BASE - height).toFixed(1)}" width="${percent(width, units)}" height="${height.toFixed(1)}"/>`;
  };
  const mark =
    bucket.failed === 0
      ? ''
      : `<rect class="is-bad" x="${percent(at, units)}" y="${MARKS}" width="${percent(0.9, units)}" height="5"/>`;
  return (
    rect('is-all', at, 0.9, bucket.bytes) +
    rect('is-sent', at + 0.15, 0.6, bucket.sent) +
    mark +
    `<rect class="touch" x="${percent(at, units)}" y="${TOP}" width="${percent(1, units)}" height="${BASE - TOP + 9}"><title>${escaped(tellingOf(bucket, bucketSeconds))}</title></rect>`
  );
}

function tellingOf({ at, bytes, sent, layers, images, failed }: Bucket, bucketSeconds: number): string {
  const end = new Date(Date.parse(at) + bucketSeconds * 1000).toISOString();
  const parts = [
    `${counted(layers, 'layer')} of ${humanSize(bytes)}`,
    `${humanSize(sent)} sent`,
    counted(images, 'image'),
    ...(failed === 0 ? [] : [`${counted(failed, 'attempt')} failed`]),
  ];
  return `${momentText(at)} to ${end.slice(11, 19)}: ${parts.join(', ')}`;
}

const SHARES = [0, 0.5, 1] as const;
const heightOf = (share: number): number => BASE - (BASE - TOP) * share;

function gridOf(): string {
  const line = (y: number): string => `<line class="grid" x1="0" x2="100%" y1="${y}" y2="${y}"/>`;
  return SHARES.map((share) => line(heightOf(share))).join('');
}

/** What the lines stand for, over the bars. */
function ratesOf({ top, bucketSeconds }: Axis): string {
  const text = (share: number): string =>
    `<text x="0" y="${heightOf(share) - 4}">${humanSize((top * share) / bucketSeconds)}/s</text>`;
  return SHARES.filter((share) => share > 0)
    .map(text)
    .join('');
}

function pausesOf(stretches: readonly Stretch[], { units }: Axis): string {
  const pauses = stretches.slice(1).map((next, before) => {
    const { offset, buckets } = stretches[before]!;
    const from = offset + buckets;
    return `<rect class="pause" x="${percent(from, units)}" y="${TOP}" width="${percent(next.offset - from, units)}" height="${BASE - TOP}"/>`;
  });
  return pauses.join('');
}

/** The moments at both ends of the axis. */
function timesOf(first: Stretch, last: Stretch, { units, bucketSeconds }: Axis): string {
  const from = isoTime(first.from);
  const to = isoTime(last.from + (units - last.offset) * bucketSeconds * 1000);
  const end = from.slice(0, 10) === to.slice(0, 10) ? to.slice(11, 19) : momentText(to);
  return `<text x="0" y="${TIMES}">${momentText(from)}</text><text x="100%" y="${TIMES}" text-anchor="end">${end}</text>`;
}
