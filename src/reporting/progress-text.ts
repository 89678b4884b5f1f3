import { humanSize } from './human-size.ts';
import { columnsOf, fitted, printable } from './printable.ts';

/** How far one image is. */
export interface Tracked {
  bytes: number;
  totalBytes: number | null;
}

/** Everything a display shows, at one moment. */
export interface Snapshot {
  running: ({ label: string } & Tracked)[];
  finished: number;
  /** How many there are in all, when that is known. */
  expected: number | null;
  /** Of finished and running images together; the total is null while one of them does not know its own. */
  bytes: number;
  totalBytes: number | null;
  /** Bytes a second. */
  rate: number | null;
  secondsLeft: number | null;
}

/** More bars than this are noise; the others are counted. */
const MAX_BARS = 12;

/** One line for each running image, as many as fit, and one for all of them. */
export function barFrame(snapshot: Snapshot, columns: number, rows: number): string[] {
  return [...bars(snapshot.running, columns, rows), fitted(summary(snapshot), columns - 1)];
}

/** As many bars as fit; of the others how many there are. */
export function bars(running: readonly ({ label: string } & Tracked)[], columns: number, rows: number): string[] {
  const room = Math.max(1, Math.min(MAX_BARS, rows - 3));
  const shown = running.slice(0, room);
  const hidden = running.length - shown.length;
  const labelWidth = Math.min(
    Math.floor(columns / 3),
    Math.max(8, ...shown.map((item) => columnsOf(printable(item.label)))),
  );
  const lines = shown.map((item) => bar(item, labelWidth, columns - 1));
  return hidden > 0 ? [...lines, `… and ${hidden} more`] : lines;
}

function bar(item: { label: string } & Tracked, labelWidth: number, columns: number): string {
  const label = fitted(printable(item.label), labelWidth);
  const padding = ' '.repeat(labelWidth - columnsOf(label));
  const sizes =
    item.totalBytes === null ? humanSize(item.bytes) : `${humanSize(item.bytes)}/${humanSize(item.totalBytes)}`;
  const width = Math.min(40, columns - labelWidth - 26);
  const drawn = item.totalBytes === null || width < 5 ? '' : ` ${box(item.bytes, item.totalBytes, width)}`;
  return fitted(`${label}${padding}${drawn} ${sizes}`, columns);
}

function box(bytes: number, total: number, width: number): string {
  const share = total === 0 ? 1 : Math.min(1, bytes / total);
  const filled = Math.floor(share * (width - 1));
  return `[${'='.repeat(filled)}>${' '.repeat(width - 1 - filled)}]`;
}

/** What a log shows every few seconds. */
export function plainLine(snapshot: Snapshot): string {
  const [first, ...others] = snapshot.running.map((item) => printable(item.label));
  const names =
    first === undefined ? '' : ` (${fitted(first, 60)}${others.length > 0 ? ` and ${others.length} more` : ''})`;
  return `layermill: ${summary(snapshot)}${names}`;
}

function summary({ finished, expected, bytes, totalBytes, rate, secondsLeft }: Snapshot): string {
  const parts = [
    expected === null ? `${finished} done` : `${finished} of ${expected} done`,
    totalBytes === null ? humanSize(bytes) : `${humanSize(bytes)} of ${humanSize(totalBytes)}`,
  ];
  // More digits would only flicker.
  if (rate !== null) parts.push(`${humanSize(Number(rate.toPrecision(2)))}/s`);
  if (secondsLeft !== null) parts.push(`${shortDuration(secondsLeft)} left`);
  return parts.join(', ');
}

/** Whole seconds for people: `45s`, `3m20s`, `2h05m`. */
export function shortDuration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole}s`;
  const two = (value: number): string => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h${two(Math.floor(whole / 60) % 60)}m`;
}

/** What a program reads: one event a line. */
export function jsonLine(snapshot: Snapshot): string {
  const { running, ...rest } = snapshot;
  return JSON.stringify({
    event: 'progress',
    ...rest,
    running: running.map(({ label, ...far }) => ({ image: label, ...far })),
  });
}
