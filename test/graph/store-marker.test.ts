import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { defaultDriver } from '../../src/drivers/select.ts';
import { chooseDriver, claimStore } from '../../src/graph/store-marker.ts';
import { codeOf } from '../support/code-of.ts';
import { openTestStore } from '../support/test-store.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'layermill-claim-'));
});
afterEach(() => {
  chmodSync(root, 0o700);
  rmSync(root, { recursive: true });
});

const put = (name: string, text = ''): void => writeFileSync(join(root, name), text);
const claim = (options: object = {}): ReturnType<typeof claimStore> =>
  claimStore(root, { driver: 'vfs', readOnly: false, adopt: false, ...options });
const thrown = (call: () => unknown): unknown => {
  try {
    return call();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

describe('whose a directory is', () => {
  test('an empty one becomes ours, and says so', async () => {
    put('layermill.lock');
    mkdirSync(join(root, 'lost+found'));
    expect(await claim()).toEqual({ readOnly: false, adopted: false });
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
      version: string;
    };
    const marker: unknown = JSON.parse(readFileSync(join(root, 'layermill.json'), 'utf8'));
    expect(marker).toEqual({ format: 1, driver: 'vfs', version, adopted: false });
    expect(await claim()).toEqual({ readOnly: false, adopted: false });
  });

  test('a missing one is made', async () => {
    const below = join(root, 'a/b');
    expect(await claimStore(below, { driver: 'vfs', readOnly: false, adopt: false })).toMatchObject({
      readOnly: false,
    });
    expect(readdirSync(below)).toEqual(['layermill.json']);
    const missing = claimStore(join(root, 'c'), { driver: 'vfs', readOnly: true, adopt: false });
    expect(await codeOf(missing)).toBe('NOT_A_STORE');
  });

  test("somebody else's is only read, and nothing is written there", async () => {
    put('letter.txt');
    expect(await claim()).toEqual({ readOnly: true, adopted: true });
    expect(readdirSync(root)).toEqual(['letter.txt']);
  });

  test('one that is adopted is ours from then on, and it is remembered that it was not', async () => {
    mkdirSync(join(root, 'graph'));
    expect(await claim({ adopt: true })).toEqual({ readOnly: false, adopted: true });
    expect(await claim()).toEqual({ readOnly: false, adopted: true });
  });

  test.each(['image', 'containerd', 'engine-id'])('a newer Docker lives here: %s', async (sign) => {
    mkdirSync(join(root, 'graph'));
    put(sign);
    expect(await codeOf(claim({ adopt: true }))).toBe('STORE_IN_USE');
    expect(await claim()).toMatchObject({ readOnly: true });
  });

  test('a living daemon is at home, or a dead one was', async () => {
    put('docker.pid', `${process.pid}\n`);
    expect(await codeOf(claim({ adopt: true }))).toBe('STORE_IN_USE');
    put('docker.pid', execFileSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }));
    expect(await claim({ adopt: true })).toMatchObject({ readOnly: false });
  });

  test('the format of a newer layermill, a damaged marker and another driver are refused', async () => {
    put('layermill.json', '{"format":2,"driver":"vfs"}');
    expect(await codeOf(claim())).toBe('STORE_FORMAT_NEWER');
    put('layermill.json', '{"format":');
    expect(await codeOf(claim({ readOnly: true }))).toBe('NOT_A_STORE');
    put('layermill.json', '{"format":1,"driver":"overlay2"}');
    expect(await codeOf(claim())).toBe('INVALID_ARGUMENT');
  });

  test.runIf(process.geteuid?.() !== 0)('one that this user may not write is read', async () => {
    await claim();
    chmodSync(root, 0o500);
    expect(await claim()).toMatchObject({ readOnly: true });
  });
});

describe('which driver it uses', () => {
  test('the one of the marker, whatever else is there', async () => {
    await claim();
    put('repositories-overlay2');
    expect(chooseDriver(root, 'auto')).toBe('vfs');
    expect(chooseDriver(root, 'vfs')).toBe('vfs');
    expect(thrown(() => chooseDriver(root, 'overlay2'))).toBe('INVALID_ARGUMENT');
  });
  test('else the one that has tags; two of them are an error that names both', () => {
    put('repositories-aufs');
    expect(chooseDriver(root, 'auto')).toBe('aufs');
    put('repositories-vfs');
    expect(thrown(() => chooseDriver(root, 'auto'))).toBe('DRIVERS_AMBIGUOUS');
    expect(chooseDriver(root, 'vfs')).toBe('vfs');
  });
  test('an empty directory is free to choose', () => expect(chooseDriver(root, 'auto')).toBe(defaultDriver()));
});

describe('a graph', () => {
  test('opens what is not ours for reading only, whoever opens it', async () => {
    put('repositories-vfs', '{"Repositories":{}}');
    await using store = await openTestStore('vfs', { root });
    expect(store.graph.readOnly).toBe(true);
    const id = 'a'.repeat(64);
    for (const refused of [
      store.graph.register({ id }, null),
      store.graph.create(null),
      store.graph.delete(id),
      store.tags.set('a', 'b', id),
    ]) {
      expect(await codeOf(refused)).toMatch(/STORE_READ_ONLY|IMAGE_NOT_FOUND/);
    }
    expect(readdirSync(root).filter((name) => name !== 'vfs')).toEqual(['repositories-vfs']);
  });
});
