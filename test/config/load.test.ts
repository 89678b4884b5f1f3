import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/archive/limits.ts';
import { configDirectory, defaultRoot } from '../../src/config/defaults.ts';
import { type SettingSources, loadSettings } from '../../src/config/load.ts';
import { SETTING_NAMES } from '../../src/config/schema.ts';
import type { Settings } from '../../src/config/settings.ts';

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'layermill-config-'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const load = (sources: SettingSources): Promise<Settings> => loadSettings({ env: {}, uid: 0, ...sources });

function file(content: unknown): string {
  const path = join(scratch, 'settings.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const at = (settings: object, name: string): unknown =>
  name.split('.').reduce((value, key) => (value as Record<string, unknown>)[key], settings as unknown);
const nested = (name: string, value: unknown): object =>
  name.split('.').reduceRight((inner, key) => ({ [key]: inner }), value) as object;
const variable = (name: string): string =>
  `LAYERMILL_${name.replace('.', '_').replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`;

/** For each setting a value that is not its default, as a file says it and as Settings hold it. */
const SAMPLES: Record<string, [written: unknown, held: unknown]> = {
  root: ['/srv/images', '/srv/images'],
  driver: ['vfs', 'vfs'],
  threads: [3, 3],
  jobs: [5, 5],
  'lanes.io': [7, 7],
  'lanes.cpu': [9, 9],
  'budgets.spoolBytes': ['3GiB', 3 * 1024 ** 3],
  'budgets.threadHeapBytes': ['256MiB', 256 * 1024 ** 2],
  'compression.default': ['zstd', 'zstd'],
  'compression.gzipLevel': [9, 9],
  'compression.zstdLevel': [19, 19],
  'compression.reproducible': [true, true],
  'compression.libraries': ['off', 'off'],
  durability: ['layer', 'layer'],
  lockTimeout: [0, 0],
  blobs: ['drop', 'drop'],
  'limits.entries': [10, 10],
  'limits.pathBytes': [100, 100],
  'limits.componentBytes': [50, 50],
  'limits.depth': [12, 12],
  'limits.metaBytes': ['64KiB', 65_536],
  'limits.layerBytes': ['1.5GB', 1_500_000_000],
  'limits.expansionRatio': [20, 20],
  'registry.requestsPerSecond': ['20', 20],
  'cache.dir': ['/c', '/c'],
  'cache.bytes': ['5GB', 5_000_000_000],
  'log.level': ['debug', 'debug'],
  'log.format': ['json', 'json'],
  progress: ['json', 'json'],
};

describe('every setting arrives', () => {
  it('has a sample here', () => {
    expect(Object.keys(SAMPLES)).toEqual(SETTING_NAMES);
  });

  it.each(Object.entries(SAMPLES))('%s, from a file', async (name, [written, held]) => {
    expect(at(await load({}), name)).not.toEqual(held);
    expect(at(await load({ config: file(nested(name, written)) }), name)).toEqual(held);
  });

  it.each(Object.entries(SAMPLES))('%s, from the environment', async (name, [written, held]) => {
    expect(at(await load({ env: { [variable(name)]: String(written) } }), name)).toEqual(held);
  });

  it.each(Object.entries(SAMPLES))('%s, from a flag', async (name, [written, held]) => {
    expect(at(await load({ flags: nested(name, String(written)) }), name)).toEqual(held);
  });

  it('adopt, from a flag only', async () => {
    expect((await load({ adopt: true })).adopt).toBe(true);
    expect((await load({})).adopt).toBe(false);
    await expect(load({ config: file({ adopt: true }) })).rejects.toMatchObject({ code: 'INVALID_SETTING' });
    await expect(load({ env: { LAYERMILL_ADOPT: 'true' } })).rejects.toMatchObject({ code: 'INVALID_SETTING' });
  });
});

describe('defaults', () => {
  it('come from config/default.json, every one', async () => {
    const raw = JSON.parse(readFileSync(join(configDirectory(), 'default.json'), 'utf8')) as object;
    expect(SETTING_NAMES.filter((name) => at(raw, name) === undefined)).toEqual(['root']);
  });

  it('agree with the limits of the library', async () => {
    expect((await load({})).limits).toEqual(DEFAULT_LIMITS);
  });

  it('put the store where data belongs', () => {
    expect(defaultRoot({}, 0)).toBe('/var/lib/layermill');
    expect(defaultRoot({ XDG_DATA_HOME: '/data' }, 1000)).toBe('/data/layermill');
    expect(defaultRoot({ XDG_DATA_HOME: 'relative' }, 1000)).toMatch(/\/\.local\/share\/layermill$/);
    expect(defaultRoot({}, undefined)).toMatch(/\/\.local\/share\/layermill$/);
  });

  it('every profile loads', async () => {
    const names = readdirSync(join(configDirectory(), 'profiles')).map((name) => name.replace(/\.json$/, ''));
    expect(names).toContain('reproducible');
    const plain = await load({});
    for (const name of names) expect(await load({ config: name })).not.toEqual(plain);
  });
});

describe('order', () => {
  it('flags win over the environment, that over the file, that over the defaults', async () => {
    const config = file({ jobs: 2, threads: 2, lanes: { io: 2 } });
    const settings = await load({ config, env: { LAYERMILL_JOBS: '3', LAYERMILL_THREADS: '3' }, flags: { jobs: '4' } });
    expect([settings.jobs, settings.threads, settings.lanes, settings.durability]).toEqual([
      4,
      3,
      { io: 2, cpu: 'auto' },
      'batch',
    ]);
  });

  it('LAYERMILL_CONFIG names the file, --config another one', async () => {
    expect((await load({ env: { LAYERMILL_CONFIG: 'small' } })).threads).toBe(1);
    expect((await load({ env: { LAYERMILL_CONFIG: 'small' }, config: 'fast' })).threads).toBe('auto');
  });

  it('empty variables count as unset', async () => {
    expect((await load({ env: { LAYERMILL_JOBS: '', LAYERMILL_CONFIG: '' } })).jobs).toBe('auto');
  });
});

describe('mistakes are refused with INVALID_SETTING', () => {
  const refused = async (sources: SettingSources): Promise<{ message: string; details: unknown }> => {
    const error: unknown = await load(sources).then(
      () => 'accepted',
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'INVALID_SETTING' });
    return error as { message: string; details: unknown };
  };

  it('an unknown key, with the one that was meant', async () => {
    const error = await refused({ config: file({ limits: { entrys: 3 } }) });
    expect(error.message).toMatch(/limits\.entrys is not a setting; did you mean limits\.entries\?/);
    expect(error.details).toEqual({ file: join(scratch, 'settings.json'), key: 'limits.entrys' });
  });

  it('a key in the wrong place, with the right one', async () => {
    expect((await refused({ config: file({ layerBytes: 3 }) })).message).toMatch(/did you mean limits\.layerBytes/);
  });

  it('an unknown variable, with the one that was meant', async () => {
    expect((await refused({ env: { LAYERMILL_TREADS: '2' } })).message).toMatch(/did you mean LAYERMILL_THREADS\?/);
  });

  it('a flag, by the name the person typed', async () => {
    const flagNames = new Map([['jobs', '--jobs']]);
    expect((await refused({ flags: { jobs: 'many' }, flagNames })).message).toBe(
      '--jobs must be a whole number from 1 to 1024, or "auto", not "many"',
    );
  });

  it.each([
    ['jobs', 0],
    ['jobs', 1.5],
    ['jobs', -1],
    ['threads', 'all'],
    ['budgets', 3],
    ['budgets.spoolBytes', '8 gigs'],
    ['compression.gzipLevel', 10],
    ['compression.reproducible', 'maybe'],
    ['compression.libraries', 'on'],
    ['compression.default', 'gzip:fast'],
    ['durability', 'always'],
    ['limits.metaBytes', '1e99'],
    ['log.level', 'loud'],
    ['root', ''],
  ])('%s = %j', async (name, value) => {
    const { message } = await refused({ config: file(nested(name, value)) });
    expect(message).toContain(`${name} must be `);
  });

  it.each([
    ['[]', /one JSON object, not a list/],
    ['"fast"', /one JSON object, not "fast"/],
    ['null', /one JSON object, not null/],
    ['{"lanes":[]}', /lanes must not be a list/],
    ['{"jobs":', /not valid JSON/],
    [' '.repeat(1024 * 1024 + 1), /larger than 1 MiB/],
  ])('a file that is no settings file', async (content, message) => {
    expect((await refused({ config: file(content) })).message).toMatch(message);
  });

  it('a file or a profile that is not there', async () => {
    expect((await refused({ config: join(scratch, 'missing.json') })).message).toMatch(/cannot be read \(ENOENT\)/);
    expect((await refused({ config: 'fasst' })).message).toMatch(/did you mean fast\?/);
  });

  it('never lets a key reach the prototype', async () => {
    await refused({ config: file('{"__proto__":{"jobs":7}}') });
    expect({}).not.toHaveProperty('jobs');
  });
});
