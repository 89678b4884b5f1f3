import type { LedgerEvent, LedgerRow } from '../ledger/ledger.ts';

/** A stretch of time in which somebody was at it, in milliseconds since 1970. */
export interface Span {
  from: number;
  to: number;
}

/**
 * Each time a ledger is opened a sitting begins, and it ends with the last thing that is known of it: who was killed left
 * no farewell. Sittings in which nothing happened are none. Without events the times of the items have to do.
 */
export function sittingsOf(events: readonly LedgerEvent[], rows: readonly LedgerRow[]): Span[] {
  const spans: Span[] = [];
  for (const { type, atMs } of events) {
    const last = spans.at(-1);
    if (type === 'opened' || last === undefined) spans.push({ from: atMs, to: atMs });
    else last.to = Math.max(last.to, atMs);
  }
  const real = spans.filter(({ from, to }) => to > from);
  return real.length > 0 ? joined(real) : spanOfRows(rows);
}

function spanOfRows(rows: readonly LedgerRow[]): Span[] {
  const times = rows.flatMap(({ startedMs, endedMs }) => [startedMs, endedMs]).filter((time) => time !== null);
  if (times.length === 0) return [];
  const span = times.reduce<Span>(({ from, to }, time) => ({ from: Math.min(from, time), to: Math.max(to, time) }), {
    from: Infinity,
    to: 0,
  });
  return span.to > span.from ? [span] : [];
}

/** Oldest first, and those that overlap as one. */
export function joined(spans: readonly Span[]): Span[] {
  const result: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const last = result.at(-1);
    if (last === undefined || span.from > last.to) result.push({ ...span });
    else last.to = Math.max(last.to, span.to);
  }
  return result;
}

/** Seconds of these spans, or of the part of them that is inside of `within`. */
export function secondsOf(spans: readonly Span[], within: Span = { from: -Infinity, to: Infinity }): number {
  const inside = ({ from, to }: Span): number => Math.max(0, Math.min(to, within.to) - Math.max(from, within.from));
  return spans.reduce((sum, span) => sum + inside(span), 0) / 1000;
}
