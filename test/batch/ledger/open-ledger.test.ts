import Database from 'better-sqlite3';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ledgerPath, openLedger, openLedgerReadOnly } from '../../../src/batch/ledger/open-ledger.ts';
import type { Ledger } from '../../../src/batch/ledger/ledger.ts';
import { codeOf } from '../../support/code-of.ts';
import { flock, ledgerDirectory, openQuick } from '../../support/ledger-file.ts';
import { blob, DAMAGE, image, longPlan, OUTAGE, planOf, result } from '../../support/ledger-items.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('open-ledger: the tests with small and read-only file systems are skipped, they need root');

const PLAN = planOf(blob('a', 0), blob('b', 1), image('i', 0, ['a', 'b']));

let dir: ReturnType<typeof ledgerDirectory>;
let path: string;
beforeEach(() => {
  dir = ledgerDirectory();
  path = dir.path('batch.ledger');
});
afterEach(() => dir[Symbol.dispose]());

/** A ledger that has been closed, with a result in it. */
async function makeLedger(): Promise<void> {
  await using ledger = await openQuick(path);
  await ledger.open(PLAN);
  await ledger.complete((await ledger.claim('w', ['blob'], 1, 1000))[0]!.token, result('a'));
}

describe('where a ledger is when nobody says', () => {
  it('is beside the job file, by its name', () => {
    expect(ledgerPath('/jobs/x.yaml', 'sha256:aa', {})).toBe('/jobs/x.ledger');
    expect(ledgerPath('jobs.d/nightly.v2.json', 'sha256:aa', {})).toBe('jobs.d/nightly.v2.ledger');
    expect(ledgerPath('x', 'sha256:aa', {})).toBe('x.ledger');
    expect(ledgerPath('.jobs', 'sha256:aa', {})).toBe('.jobs.ledger');
  });

  it('is in the state directory without one', () => {
    expect(ledgerPath(null, 'sha256:aa', { XDG_STATE_HOME: '/state' })).toBe('/state/layermill/aa.ledger');
    const home = `${homedir()}/.local/state/layermill/aa.ledger`;
    expect(ledgerPath(null, 'sha256:aa', {})).toBe(home);
    expect(ledgerPath(null, 'sha256:aa', { XDG_STATE_HOME: 'relative' })).toBe(home);
  });
});

describe('a ledger that is opened', () => {
  it('is made with its directory, and is one file when it is closed', async () => {
    path = dir.path('deep/er/batch.ledger');
    await makeLedger();
    expect(readdirSync(dir.path('deep/er'))).toEqual(['batch.ledger']);
  });

  it('keeps others out while it is open, in this process too', async () => {
    await using ledger = await openQuick(path);
    await expect(openQuick(path)).rejects.toMatchObject({
      code: 'LEDGER_IN_USE',
      details: { path, holder: expect.stringContaining(`process ${process.pid} on `) },
    });
    expect(ledger.location).toBe(path);
    await ledger.close();
    await (await openQuick(path)).close();
  });

  it('says that it is in use also when the holder has not said who it is', async () => {
    await using _ledger = await openQuick(path);
    truncateSync(`${path}.lock`);
    await expect(openQuick(path)).rejects.toMatchObject({ code: 'LEDGER_IN_USE', details: { path } });
  });

  it('is locked where there is no flock', async () => {
    const without = { flock: () => -38, groupMs: 0 };
    await using ledger = await openLedger(path, without);
    expect(await codeOf(openLedger(path, without))).toBe('LEDGER_IN_USE');
    await ledger.close();
    await (await openLedger(path, without)).close();
    expect(readdirSync(dir.path('.'))).toEqual(['batch.ledger']);
  });

  it('can be begun again when the first start was cut short', async () => {
    writeFileSync(path, '');
    await makeLedger();
  });

  it('groups what only writes: nothing is seen before, all of it after', async () => {
    await using ledger = await openLedger(path, { flock, groupMs: 40 });
    await ledger.open(longPlan());
    const claims = await ledger.claim('w', ['blob'], 100, 1000);
    await using reader = await openLedgerReadOnly(path);
    const started = performance.now();
    const completing = claims.map(({ token, item }) => ledger.complete(token, result(item.key)));
    expect((await reader.summary()).counts.blob.done.items).toBe(0);
    await completing[0];
    expect(performance.now() - started).toBeGreaterThan(30);
    expect((await reader.summary()).counts.blob.done.items).toBe(100);
    await Promise.all(completing);
  });

  it('lets one refused write of a group fail alone', async () => {
    await using ledger = await openQuick(path);
    await ledger.open(PLAN);
    const [a, b] = await ledger.claim('w', ['blob'], 2, 1000);
    const all = [
      ledger.complete(a!.token, result('a')),
      ledger.complete('0-x', result('x')),
      ledger.fail(b!.token, DAMAGE),
    ];
    expect(await Promise.all(all.map(codeOf))).toEqual(['no error', 'LEASE_LOST', 'no error']);
    expect((await ledger.items('blob')).map(({ state }) => state)).toEqual(['done', 'failed']);
  });
});

describe('a ledger that is read', () => {
  it('shows a run that goes on, and writes nothing', async () => {
    await using ledger = await openQuick(path);
    await ledger.open(PLAN);
    await using reader = await openLedgerReadOnly(path);
    const [a] = await ledger.claim('w', ['blob'], 1, 1000);
    expect((await reader.items()).map(({ state }) => state)).toEqual(['claimed', 'waiting', 'waiting']);
    await ledger.complete(a!.token, result('a'));
    expect((await reader.summary()).counts.blob.done.items).toBe(1);
    const refused = [
      reader.open(PLAN),
      reader.claim('w', ['blob'], 1, 1000),
      reader.extend(a!.token, 1),
      reader.complete(a!.token, result('a')),
      reader.fail(a!.token, DAMAGE),
      reader.release(a!.token),
      reader.reopen(['a']),
      reader.note('a', 1),
    ];
    expect(new Set(await Promise.all(refused.map(codeOf)))).toEqual(new Set(['INTERNAL']));
    await reader.close();
    expect((await ledger.items()).map(({ state }) => state)).toEqual(['done', 'waiting', 'waiting']);
  });

  it('stays usable when the run ends and another begins', async () => {
    await makeLedger();
    await using reader = await openLedgerReadOnly(path);
    for (let sitting = 0; sitting < 3; sitting++) {
      await using ledger = await openQuick(path);
      await ledger.note('sitting', sitting);
      expect((await reader.notes()).get('sitting')).toBe(sitting);
      await ledger.close();
      expect((await reader.notes()).get('sitting')).toBe(sitting);
    }
  });

  it('is what a person finds with sqlite3', async () => {
    const ledger = await openQuick(path);
    await ledger.open(planOf(blob('a', 0), blob('b', 1), image('i', 0, [])));
    const [a, b] = await ledger.claim('w', ['blob'], 2, 1000);
    const [i] = await ledger.claim('w', ['image'], 1, 1000);
    await ledger.fail(a!.token, DAMAGE);
    await ledger.fail(b!.token, OUTAGE, 5000);
    await ledger.complete(i!.token, result(null, 5));
    await ledger.close();
    const db = new Database(path, { readonly: true });
    const failures = db.prepare('SELECT key, state, class, code, message FROM failures ORDER BY key').raw().all();
    expect(failures).toEqual([
      ['a', 'failed', DAMAGE.class, DAMAGE.code, DAMAGE.message],
      ['b', 'waiting', OUTAGE.class, OUTAGE.code, OUTAGE.message],
    ]);
    expect(db.prepare('SELECT key, state, attempts, sent, data FROM images').raw().all()).toEqual([
      ['i', 'done', 1, 5, '{"ref":"i"}'],
    ]);
    expect(db.prepare('SELECT format FROM ledger').raw().all()).toEqual([[1]]);
    db.close();
  });
});

describe('what is no ledger', () => {
  const both = async (): Promise<unknown[]> => [
    await codeOf(openQuick(path)),
    await codeOf(openLedgerReadOnly(path)),
    existsSync(`${path}.lock`),
  ];

  it('is a file that is missing, for those who read', async () => {
    expect(await codeOf(openLedgerReadOnly(path))).toBe('FILE_NOT_FOUND');
    expect(existsSync(path)).toBe(false);
  });

  it.each([
    ['text', 'entries:\n  - source: a\n'.repeat(100)],
    ['a few bytes', 'x'],
  ])('is %s', async (_what, text) => {
    writeFileSync(path, text);
    expect(await both()).toEqual(['LEDGER_INVALID', 'LEDGER_INVALID', false]);
  });

  it('is an empty file, for those who read', async () => {
    writeFileSync(path, '');
    expect(await codeOf(openLedgerReadOnly(path))).toBe('LEDGER_INVALID');
  });

  it('is a directory', async () => {
    mkdirSync(path);
    expect(await both()).toEqual(['LEDGER_INVALID', 'LEDGER_INVALID', false]);
  });

  it.each([
    'CREATE TABLE mine (format INTEGER)',
    'CREATE TABLE ledger (name TEXT)',
    'CREATE TABLE ledger (format TEXT)',
  ])('is another SQLite file, which stays as it was: %s', async (sql) => {
    const db = new Database(path);
    db.exec(sql);
    db.close();
    const before = readFileSync(path);
    expect(await both()).toEqual(['LEDGER_INVALID', 'LEDGER_INVALID', false]);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('is one of a later layermill', async () => {
    await makeLedger();
    const db = new Database(path);
    db.exec('UPDATE ledger SET format = 2');
    db.close();
    expect(await both()).toEqual(['LEDGER_FORMAT_NEWER', 'LEDGER_FORMAT_NEWER', false]);
    await expect(openQuick(path)).rejects.toMatchObject({ details: { path, format: 2 } });
  });

  it('is one that somebody has changed', async () => {
    await makeLedger();
    const db = new Database(path);
    db.exec(`UPDATE content SET data = '{'`);
    db.close();
    await using reader = await openLedgerReadOnly(path);
    expect(await codeOf(reader.items())).toBe('LEDGER_INVALID');
    expect(await codeOf(reader.plan())).toBe('LEDGER_INVALID');
  });

  it.each([
    ['damaged', (size: number) => overwrite(4096, size)],
    ['cut short', (size: number) => truncateSync(path, size - 3 * 4096)],
  ])('is one that is %s', async (_what, harm) => {
    const ledger = await openQuick(path);
    await ledger.open(longPlan());
    await ledger.close();
    harm(statSync(path).size);
    const use = async (open: () => Promise<Ledger>): Promise<unknown> => {
      await using opened = await open();
      return opened.items();
    };
    expect(await codeOf(use(() => openLedgerReadOnly(path)))).toBe('LEDGER_INVALID');
    expect(await codeOf(use(() => openQuick(path)))).toBe('LEDGER_INVALID');
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  function overwrite(from: number, to: number): void {
    const fd = openSync(path, 'r+');
    writeSync(fd, Buffer.alloc(to - from, 0x5a), 0, to - from, from);
    closeSync(fd);
  }
});

describe.runIf(isRoot)('a file system', () => {
  let mounted: string;
  const mount = (...options: string[]): void => void execFileSync('mount', [...options, mounted]);
  beforeEach(() => {
    mounted = dir.path('mounted');
    mkdirSync(mounted);
    mount('-t', 'tmpfs', '-o', 'size=2m', 'tmpfs');
    path = dir.path('mounted/batch.ledger');
  });
  afterEach(() => void execFileSync('umount', [mounted]));

  it('that is full is told, what was durable stays, and with room it goes on', async () => {
    const ledger = await openQuick(path);
    await ledger.open(PLAN);
    const [a, b] = await ledger.claim('w', ['blob'], 2, 60_000);
    await ledger.complete(a!.token, result('a'));
    fill();
    const write = (): Promise<unknown> => ledger.note('long', 'x'.repeat(100_000));
    await expect(write()).rejects.toMatchObject({ code: 'NO_SPACE', details: { path } });
    expect(await codeOf(ledger.open(longPlan()))).toBe('NO_SPACE');
    expect((await ledger.items('blob')).map(({ state }) => state)).toEqual(['done', 'claimed']);
    truncateSync(dir.path('mounted/filler'));
    await ledger.complete(b!.token, result('b'));
    await write();
    await ledger.close();
    await using reader = await openLedgerReadOnly(path);
    expect((await reader.summary()).counts.blob.done.items).toBe(2);
  });

  it('that has no room for a new one is told', async () => {
    fill();
    expect(await codeOf(openQuick(path))).toBe('NO_SPACE');
  });

  it('that is read-only is told to those who write, and can be read', async () => {
    await makeLedger();
    mount('-o', 'remount,ro');
    expect(await codeOf(openQuick(path))).toBe('READ_ONLY_FILE_SYSTEM');
    await using reader = await openLedgerReadOnly(path);
    expect((await reader.items()).map(({ state }) => state)).toEqual(['done', 'waiting', 'waiting']);
  });

  function fill(): void {
    const fd = openSync(dir.path('mounted/filler'), 'w');
    const block = Buffer.alloc(4096);
    try {
      for (;;) writeSync(fd, block);
    } catch {
      // Now it is full.
    } finally {
      closeSync(fd);
    }
  }
});
