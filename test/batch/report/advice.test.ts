import { expect, test } from 'vitest';
import { adviceFor } from '../../../src/batch/report/advice.ts';
import { KIND_OF } from '../../../src/errors/codes.ts';
import { hintFor } from '../../../src/reporting/hints.ts';

test('every code has its advice, and unknown ones that of their class', () => {
  for (const code of Object.keys(KIND_OF))
    expect(adviceFor(code, 'permanent')).toMatch(/^[^A-Z\n]{1,2}[^\n]{10,}[^.]$/);
  expect(adviceFor('DIGEST_MISMATCH', 'permanent')).toBe(hintFor('DIGEST_MISMATCH'));
  expect(adviceFor('TAR_INVALID', 'permanent')).toContain('damaged');
  expect(adviceFor('FROM_A_LATER_VERSION', 'passing')).toContain('run again');
});
