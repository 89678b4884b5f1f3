import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Driver, DriverContext, StageOptions, StagedLayer } from '../../src/drivers/driver.ts';
import { openSystem } from '../../src/system/select.ts';
import type { TaskPool } from '../../src/tasks/task-pool.ts';
import { inlinePool } from '../support/test-store.ts';
import { viewTree } from '../support/view-tree.ts';

export type OpenDriver = (context: DriverContext) => Promise<Driver>;

/** An id of its own for every number. */
export function layerId(number: number): string {
  return number.toString(16).padStart(64, 'a');
}

const BASE = layerId(1);
const CHILD = layerId(2);
const GRANDCHILD = layerId(3);
const UNKNOWN = layerId(99);
const isRoot = process.geteuid?.() === 0;

/** What every driver promises (src/drivers/driver.ts). A test of its own adds what is peculiar to one. */
export function driverSuite(label: string, open: OpenDriver): void {
  describe(`driver ${label}`, () => {
    const system = openSystem();
    let root: string;
    let pool: TaskPool;
    let driver: Driver;

    beforeEach(async () => {
      root = mkdtempSync(join(tmpdir(), 'layermill-driver-'));
      pool = inlinePool();
      driver = await open({ home: `${root}/home`, pool, readOnly: false });
    });
    afterEach(async () => {
      await driver.close();
      await pool.close();
      execFileSync('chmod', ['-R', 'u+rwX', root]);
      rmSync(root, { recursive: true });
    });

    const commit = (id: string, parent: string | null, fill: (dir: string) => void = () => undefined): Promise<void> =>
      commitLayer(driver, id, parent, fill);
    const view = async (id: string, parent: string | null): Promise<string[]> =>
      viewTree(system, await driver.mount(id, parent));
    const ids = (): Promise<string[]> => collect(driver.list());

    it('says its name and facts about itself', () => {
      expect(driver.name).toMatch(/^[a-z0-9]+$/);
      expect(driver.status().flat()).toContain(`${root}/home`);
    });

    it('does not know a layer that nobody committed', async () => {
      expect(await driver.exists(UNKNOWN)).toBe(false);
      expect(await ids()).toEqual([]);
      await expect(driver.mount(UNKNOWN, null)).rejects.toMatchObject({ code: 'LAYER_NOT_FOUND' });
      await expect(driver.get(UNKNOWN)).rejects.toMatchObject({ code: 'LAYER_NOT_FOUND' });
    });

    it('shows a layer after its commit, not before', async () => {
      const staged = await driver.stage(BASE, null);
      writeFileSync(`${staged.mount.dir}/file`, 'x');
      expect(await driver.exists(BASE)).toBe(false);
      expect(await ids()).toEqual([]);
      await staged.commit();
      expect(await driver.exists(BASE)).toBe(true);
      expect(await ids()).toEqual([BASE]);
      expect(await view(BASE, null)).toEqual([expect.stringMatching(/^file f .* "x"$/)]);
    });

    it('starts a base empty, with the root that file systems have, whatever the umask', async () => {
      const before = process.umask(0o077);
      try {
        await commit(BASE, null);
      } finally {
        process.umask(before);
      }
      const { dir, lowers } = await driver.mount(BASE, null);
      expect(readdirSync(dir)).toEqual([]);
      expect(lowers).toEqual([]);
      expect(lstatSync(dir)).toMatchObject({ uid: process.geteuid?.(), gid: process.getegid?.() });
      expect(lstatSync(dir).mode & 0o7777).toBe(0o755);
    });

    it('leaves nothing of a discarded layer', async () => {
      const staged = await driver.stage(BASE, null);
      mkdirSync(`${staged.mount.dir}/a/b/c`, { recursive: true });
      await staged.discard();
      await staged.discard();
      expect(existsSync(staged.mount.dir)).toBe(false);
      expect(await driver.exists(BASE)).toBe(false);
      await commit(BASE, null);
    });

    it('shows a child exactly what its parent has, special modes, owners and times included', async () => {
      await commit(BASE, null, makeOddTree);
      await commit(CHILD, BASE);
      const shown = await view(CHILD, BASE);
      expect(shown).toEqual(await view(BASE, null));
      expect(shown).toContainEqual(expect.stringMatching(/^a subdir d 1705 /));
      expect(shown).toContain('a second name = a file');
      await driver.remove(CHILD);
      await driver.remove(BASE);
      expect(await ids()).toEqual([]);
    });

    it('never lets a child change its parent', async () => {
      await commit(BASE, null, makeOddTree);
      const before = await view(BASE, null);
      await commit(CHILD, BASE, (dir) => {
        rmSync(`${dir}/a file`, { force: true });
        writeFileSync(`${dir}/a file`, 'changed');
        writeFileSync(`${dir}/new`, '');
      });
      expect(await view(BASE, null)).toEqual(before);
      expect(await view(CHILD, BASE)).not.toEqual(before);
    });

    it('stacks layers nearest first', async () => {
      await commit(BASE, null, (dir) => writeFileSync(`${dir}/one`, ''));
      await commit(CHILD, BASE, (dir) => writeFileSync(`${dir}/two`, ''));
      const staged = await driver.stage(GRANDCHILD, CHILD);
      expect(staged.mount.lowers[0]).toBe((await driver.mount(CHILD, BASE)).dir);
      writeFileSync(`${staged.mount.dir}/three`, '');
      await staged.commit();
      expect(await driver.mount(GRANDCHILD, CHILD)).toMatchObject({ lowers: staged.mount.lowers });
      expect((await view(GRANDCHILD, CHILD)).map((line) => line.split(' ')[0])).toEqual(['one', 'three', 'two']);
    });

    it('makes an empty layer that shows what its parent shows', async () => {
      await commit(BASE, null, makeOddTree);
      const staged = await driver.stageEmpty(CHILD, BASE);
      await staged.commit();
      expect(await view(CHILD, BASE)).toEqual(await view(BASE, null));
      const alone = await driver.stageEmpty(GRANDCHILD, null);
      await alone.commit();
      expect(await view(GRANDCHILD, null)).toEqual([]);
    });

    it('gives the root of a child what its parent says of it, unless the child says otherwise', async () => {
      await commit(BASE, null, (dir) => describeRoot(dir, 0o711));
      await commit(CHILD, BASE, (dir) => writeFileSync(`${dir}/file`, ''));
      expect(lstatSync((await driver.mount(CHILD, BASE)).dir).mode & 0o7777).toBe(0o711);
      await commit(GRANDCHILD, CHILD, (dir) => describeRoot(dir, 0o755));
      expect(lstatSync((await driver.mount(GRANDCHILD, CHILD)).dir).mode & 0o7777).toBe(0o755);
    });

    it('refuses a parent that is not there', async () => {
      await expect(driver.stage(CHILD, UNKNOWN)).rejects.toMatchObject({ code: 'LAYER_NOT_FOUND' });
      await expect(driver.stageEmpty(CHILD, UNKNOWN)).rejects.toMatchObject({ code: 'LAYER_NOT_FOUND' });
    });

    it('fills a layer before its parent is there, or says that it cannot', async () => {
      const early = driver.stage(CHILD, BASE, { parentReady: false });
      if (!driver.appliesInAnyOrder) {
        await expect(early).rejects.toMatchObject({ code: 'LAYER_NOT_FOUND' });
        return;
      }
      const staged = await early;
      expect(staged.mount.lowers).toEqual([]);
      writeFileSync(`${staged.mount.dir}/above`, '');
      await expect(staged.commit()).rejects.toMatchObject({ code: 'LAYER_NOT_FOUND' });
      await commit(BASE, null, (dir) => {
        writeFileSync(`${dir}/below`, '');
        describeRoot(dir, 0o711);
      });
      await staged.commit();
      expect((await view(CHILD, BASE)).map((line) => line.split(' ')[0])).toEqual(['above', 'below']);
      expect(lstatSync((await driver.mount(CHILD, BASE)).dir).mode & 0o7777).toBe(0o711);
    });

    it('makes several layers at once', async () => {
      await commit(BASE, null, makeOddTree);
      const numbers = [10, 11, 12, 13];
      await Promise.all(numbers.map((number) => commit(layerId(number), BASE)));
      expect(await ids()).toEqual([BASE, ...numbers.map(layerId)].sort());
      for (const number of numbers) expect(await view(layerId(number), BASE)).toEqual(await view(BASE, null));
    });

    it('commits a layer once: the second commit is refused and harms nothing', async () => {
      const [first, second] = [await driver.stage(BASE, null), await driver.stage(BASE, null)];
      await first.commit();
      writeFileSync(`${second.mount.dir}/late`, '');
      await expect(second.commit()).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
      await second.discard();
      expect(await driver.exists(BASE)).toBe(true);
      expect(await view(BASE, null)).toEqual([]);
    });

    it('stops before it starts when the signal has aborted', async () => {
      const signal = AbortSignal.abort();
      await expect(driver.stage(BASE, null, { signal })).rejects.toMatchObject({ code: 'CANCELLED' });
    });

    it('removes a layer, and does not mind one that is not there', async () => {
      await commit(BASE, null, makeOddTree);
      await driver.remove(BASE);
      await driver.remove(BASE);
      expect(await driver.exists(BASE)).toBe(false);
      expect(await ids()).toEqual([]);
      await commit(BASE, null);
      expect(await view(BASE, null)).toEqual([]);
    });

    it('keeps names that are no text', async () => {
      const name = Buffer.from('caf\xe9\n', 'latin1');
      await commit(BASE, null, (dir) => writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), name]), 'bytes'));
      await commit(CHILD, BASE);
      expect(await view(CHILD, BASE)).toEqual([expect.stringMatching(/^caf\xe9\n f .* "bytes"$/)]);
      await driver.remove(CHILD);
    });

    it('sweeps nothing that somebody is making', async () => {
      const other = await open({ home: `${root}/home`, pool, readOnly: false });
      const staged = await driver.stage(BASE, null);
      await other.sweep();
      await driver.sweep();
      await staged.commit();
      expect(await other.exists(BASE)).toBe(true);
      await other.close();
    });

    it.each(['', '.', '..', '../up', 'a/b', layerId(1).toUpperCase(), `${layerId(1)}\n`, layerId(1).slice(1)])(
      'refuses %j, which is no id, before it becomes a path',
      async (id) => {
        const refused = { code: 'INVALID_ID' };
        const attempts: (() => Promise<unknown>)[] = [
          () => driver.exists(id),
          () => driver.stage(id, null),
          () => driver.stage(BASE, id),
          () => driver.stageEmpty(id, null),
          () => driver.mount(id, null),
          () => driver.get(id),
          () => driver.remove(id),
        ];
        for (const attempt of attempts) await expect((async () => attempt())()).rejects.toMatchObject(refused);
      },
    );

    it('reads a store that it may not write', async () => {
      await commit(BASE, null, makeOddTree);
      const reader = await open({ home: `${root}/home`, pool, readOnly: true });
      expect(await collect(reader.list())).toEqual([BASE]);
      expect(viewTree(system, await reader.mount(BASE, null))).toEqual(await view(BASE, null));
      for (const attempt of [reader.stage(CHILD, BASE), reader.remove(BASE), reader.sweep()]) {
        await expect(attempt).rejects.toMatchObject({ code: 'STORE_READ_ONLY' });
      }
      await reader.close();
    });

    it('finds a home that is not there empty, and does not make it when it may not write', async () => {
      const reader = await open({ home: `${root}/elsewhere`, pool, readOnly: true });
      expect(await collect(reader.list())).toEqual([]);
      expect(await reader.exists(BASE)).toBe(false);
      expect(existsSync(`${root}/elsewhere`)).toBe(false);
      await reader.close();
    });

    it('opens a second time with what it had', async () => {
      await commit(BASE, null, makeOddTree);
      const again = await open({ home: `${root}/home`, pool, readOnly: false });
      expect(viewTree(system, await again.mount(BASE, null))).toEqual(await view(BASE, null));
      await again.close();
    });

    it('gives the whole tree as a directory, as long as somebody uses it', async () => {
      await commit(BASE, null, (dir) => writeFileSync(`${dir}/below`, 'b'));
      await commit(CHILD, BASE, (dir) => writeFileSync(`${dir}/above`, 'a'));
      let tree: string;
      try {
        tree = await driver.get(CHILD);
      } catch (error) {
        expect(isRoot).toBe(false);
        expect(error).toMatchObject({ code: 'DRIVER_MOUNT_UNAVAILABLE', message: expect.stringContaining('unpack') });
        return;
      }
      expect(await driver.get(CHILD)).toBe(tree);
      await driver.put(CHILD);
      expect(readdirSync(tree).sort()).toEqual(['above', 'below']);
      expect(readFileSync(`${tree}/below`, 'utf8')).toBe('b');
      await driver.put(CHILD);
      await driver.put(CHILD);
      await driver.remove(CHILD);
      expect(await driver.exists(CHILD)).toBe(false);
    });
  });
}

export async function commitLayer(
  driver: Driver,
  id: string,
  parent: string | null,
  fill: (dir: string) => void,
  options?: StageOptions,
): Promise<void> {
  const staged: StagedLayer = await driver.stage(id, parent, options);
  try {
    fill(staged.mount.dir);
    await staged.commit();
  } catch (error) {
    await staged.discard();
    throw error;
  }
}

async function collect(list: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const id of list) found.push(id);
  return found.sort();
}

/** What a tar entry for the root does to it. */
function describeRoot(dir: string, mode: number): void {
  chmodSync(dir, mode);
  utimesSync(dir, 1_000_000_000, 1_000_000_000);
}

/** The tree of Docker's driver tests, with links, a fifo and a directory that nobody may write to. */
function makeOddTree(dir: string): void {
  mkdirSync(`${dir}/a subdir`);
  writeFileSync(`${dir}/a file`, 'content');
  execFileSync('ln', [`${dir}/a file`, `${dir}/a second name`]);
  execFileSync('ln', ['-s', '../../outside', `${dir}/a link`]);
  execFileSync('mkfifo', ['-m', '600', `${dir}/a subdir/a fifo`]);
  mkdirSync(`${dir}/deep/er`, { recursive: true });
  if (isRoot) chownSync(`${dir}/a subdir`, 1, 2);
  chmodSync(`${dir}/a subdir`, 0o1705);
  chmodSync(`${dir}/a file`, isRoot ? 0o4222 : 0o4622);
  for (const name of ['a subdir', 'a file', 'deep/er', 'deep']) utimesSync(`${dir}/${name}`, 1, 1.5);
}
