import { describe, expect, it } from 'vitest';
import type { BatchEntry } from '../../src/batch/batch.ts';
import { checkBatch } from '../../src/batch/check-batch.ts';
import { batchOfOperands } from '../../src/cli/batch-options.ts';
import { openRunLab } from '../support/run-lab.ts';
import { codeOf } from '../support/code-of.ts';

const GOOD: BatchEntry = { source: { type: 'location', location: '/a.tar' }, target: 'oci:/out/{name}' };

const BAD: Partial<BatchEntry>[] = [
  { target: '/out' },
  { target: 'oci:/out/{nme}' },
  { filter: { allow: ['('] } },
  { filter: { deny: ['('] } },
  { filter: { semver: ['one'] } },
  { filter: { createdSince: 'soon' } },
  { rename: [{ from: 'a', to: '$1' }] },
  { source: { type: 'registry', location: 'docker://a.example', repositories: { allow: ['('] } } },
];

describe('a batch', () => {
  it('that can be done is let through', () => {
    const filter = { allow: ['v.*'], semver: ['>=1'], newest: 1, createdSince: '1d' };
    expect(() =>
      checkBatch({ entries: [{ ...GOOD, filter, rename: [{ from: '(a)', to: '$1' }] }], limits: {} }),
    ).not.toThrow();
  });

  it.each(BAD.map((more) => ({ more })))('that cannot is refused as a whole: $more', ({ more }) => {
    const check = (): void => checkBatch({ entries: [GOOD, { ...GOOD, ...more }], limits: {} });
    expect(check).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('is refused before anything is read', async () => {
    await using lab = openRunLab();
    expect(await codeOf(lab.run({ entries: [{ ...GOOD, target: 'oci:/out/{nme}' }], limits: {} }))).toBe(
      'INVALID_ARGUMENT',
    );
    expect(lab.ran).toEqual([]);
  });

  it('is held to the same when it is typed', () => {
    const settings = {
      default: 'auto',
      gzipLevel: 'auto',
      zstdLevel: 'auto',
      reproducible: false,
      libraries: 'auto',
    } as const;
    const typed = (target: string, include: string[]) => (): unknown =>
      batchOfOperands(['/a.tar', target], { include }, settings);
    expect(typed('oci:/out', ['v.*'])).not.toThrow();
    expect(typed('oci:/out', ['('])).toThrow(/no regular expression/);
    expect(typed('/out', [])).toThrow(/write oci:\/out/);
  });
});
