import { describe, expect, it } from 'vitest';
import { lookEarly } from '../../src/cli/early.ts';

const verb = (line: string): string | null => lookEarly(line.split(' '), {}).verb;
const threads = (line: string, env = {}): number | 'auto' | null => lookEarly(line.split(' '), env).threads;

describe('the verb', () => {
  it.each([
    ['import a.tar', 'import'],
    ['--root images import a.tar', 'import'],
    ['--root=images -q -j 4 export x', 'export'],
    ['--json images', 'images'],
    ['--help', null],
    ['-- import', null],
  ])('of `%s` is %s', (line, expected) => {
    expect(verb(line)).toBe(expected);
  });
});

describe('the guess at the threads', () => {
  it('is what the flag says, else the variable, else auto', () => {
    expect(threads('import --threads 3')).toBe(3);
    expect(threads('import --threads=5', { LAYERMILL_THREADS: '7' })).toBe(5);
    expect(threads('import', { LAYERMILL_THREADS: '7' })).toBe(7);
    expect(threads('import')).toBe('auto');
    expect(threads('import -- --threads 9')).toBe('auto');
  });

  it('is not made where a settings file decides, help is wanted, or the value is wrong', () => {
    expect(threads('import --config small')).toBeNull();
    expect(threads('import', { LAYERMILL_CONFIG: 'small' })).toBeNull();
    expect(threads('import --help')).toBeNull();
    expect(threads('import --threads 0')).toBeNull();
    expect(threads('import --threads 100000')).toBeNull();
    expect(threads('import --threads many')).toBeNull();
  });
});

it.each([
  ['copy docker://host/app oci:out', true],
  ['copy --src-tls-verify=false docker://host/a docker://host/b dir:out', true],
  ['--json copy docker://host/app oci-archive:out.tar', true],
  ['copy docker://host/app oci:out --dest-compress-format zstd', false],
  ['copy docker://host/app oci:out --reproducible', false],
  ['copy docker://host/app docker-archive:out.tar', false],
  ['copy oci:in dir:in docker://host/app', true],
  ['copy oci:in docker://host/app oci:out', false],
  ['copy docker-archive:in.tar docker://host/app', false],
  ['copy app.tar oci:out', false],
  ['import docker://host/app oci:out', false],
])('`%s` only fetches: %s', (line, expected) => {
  expect(lookEarly(line.split(' '), {}).fetches).toBe(expected);
});

it('failures are wanted as JSON with --json and --format json', () => {
  const json = (line: string): boolean => lookEarly(line.split(' '), {}).json;
  expect([json('images --json'), json('images --format json'), json('images --format=json')]).toEqual([
    true,
    true,
    true,
  ]);
  expect([json('images'), json('images --format text'), json('rm -- --json')]).toEqual([false, false, false]);
});
