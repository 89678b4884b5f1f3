import { describe, expect, it } from 'vitest';
import { jobFileInvalid, type Problem } from '../../src/batch/job-file/problems.ts';
import { failureText } from '../../src/cli/failure.ts';
import { ago, shortId, table } from '../../src/cli/terminal.ts';
import { engineError } from '../../src/errors/kinds.ts';

describe('tables', () => {
  it('are as wide as their cells, numbers on the right', () => {
    const text = table(
      [{ title: 'NAME' }, { title: 'SIZE', align: 'right' }, { title: 'NOTE' }],
      [
        ['busybox', '4.3 MB', 'x'],
        ['日本', '1 B', ''],
      ],
    );
    expect(text.split('\n')).toEqual(['NAME        SIZE   NOTE', 'busybox   4.3 MB   x', '日本         1 B']);
  });

  it('never let a name move the cursor or the direction of the text', () => {
    expect(table([{ title: 'N' }], [['a\u001b[2J\r\n\u202eb']])).toBe('N\na\\u{1b}[2J\\u{d}\\u{a}\\u{202e}b');
  });
});

describe('ages', () => {
  const now = new Date('2024-06-15T12:00:00Z');
  it.each([
    ['2024-06-15T11:59:50Z', 'seconds ago'],
    ['2024-06-15T11:58:30Z', 'a minute ago'],
    ['2024-06-15T11:00:00Z', '60 minutes ago'],
    ['2024-06-15T06:00:00Z', '6 hours ago'],
    ['2024-06-01T12:00:00Z', '2 weeks ago'],
    ['2024-01-01T12:00:00Z', '5 months ago'],
    ['2020-01-01T12:00:00Z', '4 years ago'],
    ['2030-01-01T12:00:00Z', 'in the future'],
    ['1970-01-01T00:00:00Z', 'N/A'],
    ['0001-01-01T00:00:00Z', 'N/A'],
    ['not a date', 'N/A'],
  ])('%s is %s', (then, expected) => {
    expect(ago(new Date(then), now)).toBe(expected);
  });
});

it('ids are shown by their first twelve characters', () => {
  expect(shortId('0123456789abcdef'.repeat(4))).toBe('0123456789ab');
  expect(shortId(`sha256:${'0123456789abcdef'.repeat(4)}`)).toBe('0123456789ab');
});

describe('failures', () => {
  const locked = engineError('STORE_LOCKED', 'the store is used by process 7', { root: '/r' }, new Error('deeper'));

  it('say what happened and how to go on, without a stack', () => {
    expect(failureText(locked, { source: 'a.tar', ref: 'x:1' }, false)).toBe(
      'layermill: a.tar x:1: the store is used by process 7\n' +
        '  try again when it has finished, or wait longer with --lock-timeout SECONDS',
    );
  });

  it('have their stack and cause for those who debug', () => {
    const text = failureText(locked, { source: null, ref: null }, true);
    expect(text).toMatch(
      /^layermill: the store[^]*\n {2}ConflictError: [^]*terminal\.test\.ts[^]*\n {2}caused by Error: /,
    );
  });

  it('of ours ask for a report', () => {
    const text = failureText(engineError('INTERNAL', 'x', {}), { source: null, ref: null }, false);
    expect(text).toMatch(/report/);
  });

  it('of a file with several problems have a line for each', () => {
    const problem = (line: number | null, message: string): Problem => ({ path: ['sync', 0], line, message });
    const one = jobFileInvalid('job.yml', [problem(3, 'no \u001b')]);
    expect(failureText(one, { source: null, ref: null }, false)).toBe('layermill: "job.yml": line 3: no \\u{1b}');
    const two = jobFileInvalid('a\nb.yml', [problem(3, 'no'), problem(null, 'never')]);
    expect(failureText(two, { source: null, ref: null }, false).split('\n')).toEqual([
      'layermill: more than one thing is wrong:',
      '  a\\u{a}b.yml:3: no',
      '  a\\u{a}b.yml: never',
    ]);
    const many = jobFileInvalid(
      'job.yml',
      Array.from({ length: 25 }, (_, line) => problem(line, 'no')),
    );
    expect(failureText(many, { source: null, ref: null }, false)).toMatch(/job\.yml:19: no\n {2}and 5 more$/);
  });

  it('never pass control characters on', () => {
    const error = engineError('TAR_INVALID', 'bad \u001b[31m name', { offset: 0 });
    expect(failureText(error, { source: 'a\u0007.tar', ref: null }, false)).toBe(
      'layermill: a\\u{7}.tar: bad \\u{1b}[31m name',
    );
  });
});
