import { humanSize } from './human-size.ts';

/** How far something is. Bytes; `start` in seconds since the epoch; a total of 0 means unknown. */
export interface Progress {
  current: number;
  total: number;
  start: number;
}

/** Where the text goes. `nowMs` as of `Date.now()`. */
export interface ProgressView {
  /** Columns of the terminal; what is no terminal counts as 200. */
  width: number;
  nowMs: number;
}

/** Columns assumed where the output is no terminal. */
export const PLAIN_WIDTH = 200;

const BAR = 50;

/**
 * The progress text of Docker's streams: a bar of 50 (over 110 columns), sizes, and the time left (over 50 columns).
 * Empty when nothing is known.
 */
export function progressText(progress: Progress, view: ProgressView): string {
  const { current, total } = progress;
  if (current <= 0 && total <= 0) return '';
  const done = humanSize(current).padStart(8);
  if (total <= 0) return done;
  // More than all of it: the total was wrong, so only what came is said.
  const filled = Math.min(BAR, Math.trunc(Math.trunc((current / total) * 100) / 2));
  const box = view.width > 110 ? `[${'='.repeat(filled)}>${' '.repeat(BAR - filled)}] ` : '';
  const numbers = current > total ? done : `${done}/${humanSize(total)}`;
  return box + numbers + timeLeft(progress, view, filled);
}

function timeLeft({ current, total, start }: Progress, view: ProgressView, filled: number): string {
  if (current <= 0 || start <= 0 || filled >= BAR || view.width <= 50) return '';
  const nanosecondsPerByte = Math.trunc(((view.nowMs - start * 1000) * 1e6) / current);
  return ` ${duration(Math.trunc(((total - current) * nanosecondsPerByte) / 1e9))}`;
}

/** Whole seconds as Go 1.2 prints a duration: `1h0m5s`, `1m5s`, `5s`, `0`. */
function duration(seconds: number): string {
  if (seconds <= 0) return '0';
  const hours = Math.trunc(seconds / 3600);
  const minutes = Math.trunc(seconds / 60) % 60;
  const rest = `${seconds % 60}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}
