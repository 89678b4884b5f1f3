/** The middle of some numbers and how far they reach. */
export interface Spread {
  min: number;
  median: number;
  max: number;
}

/** Throws a RangeError when there are no values. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('there is no median of nothing');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { min: sorted[0]!, median, max: sorted.at(-1)! };
}

/**
 * What each value is over the one of the same round: two runs side by side share the moods of the machine, so these
 * ratios are steadier than the ratio of two medians. Rounds that only one of them has are left out.
 */
export function pairedRatios(numerators: readonly number[], denominators: readonly number[]): number[] {
  const rounds = Math.min(numerators.length, denominators.length);
  return Array.from({ length: rounds }, (_, round) => numerators[round]! / denominators[round]!);
}

/** The mean for ratios. Throws a RangeError when there are no values. */
export function geometricMean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('there is no mean of nothing');
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
