import { expect, test } from 'vitest';
import { humanDuration } from '../../src/reporting/human-duration.ts';

test('durations have at most two units, and no unit is full', () => {
  const durations: [number, string][] = [
    [0, '0 ms'],
    [0.0804, '80 ms'],
    [0.9996, '1.0 s'],
    [4.24, '4.2 s'],
    [9.96, '10 s'],
    [59.6, '1 min 00 s'],
    [200, '3 min 20 s'],
    [3599.7, '1 h 00 min'],
    [7500, '2 h 05 min'],
    [86_399, '1 d 0 h'],
    [3 * 86_400 + 4 * 3600, '3 d 4 h'],
  ];
  for (const [seconds, text] of durations) expect(humanDuration(seconds)).toBe(text);
});
