import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Driver } from '../../src/drivers/driver.ts';
import { openVfs } from '../../src/drivers/vfs.ts';
import type { TaskPool } from '../../src/tasks/task-pool.ts';
import { commitLayer, layerId } from '../../src/driver-suite/driver-lab.ts';
import { driverSuite } from '../suites/driver.ts';
import { inlinePool } from '../support/test-store.ts';

driverSuite('vfs', openVfs);

describe('vfs', () => {
  let home: string;
  let pool: TaskPool;
  let driver: Driver;

  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), 'layermill-vfs-'));
    pool = inlinePool();
    driver = await openVfs({ home, pool, readOnly: false });
  });
  afterEach(async () => {
    await driver.close();
    await pool.close();
    rmSync(home, { recursive: true });
  });

  it('keeps trees where Docker has them', async () => {
    await commitLayer(driver, layerId(1), null, (dir) => writeFileSync(`${dir}/file`, ''));
    expect(readdirSync(`${home}/dir/${layerId(1)}`)).toEqual(['file']);
    expect(lstatSync(`${home}/dir`).mode & 0o777).toBe(0o700);
    expect(readdirSync(`${home}/tmp`)).toEqual([]);
  });

  it('shares the files of a parent instead of copying them', async () => {
    await commitLayer(driver, layerId(1), null, (dir) => writeFileSync(`${dir}/file`, 'x'));
    await commitLayer(driver, layerId(2), layerId(1), () => undefined);
    const [below, above] = [1, 2].map((number) => lstatSync(`${home}/dir/${layerId(number)}/file`));
    expect(above!.ino).toBe(below!.ino);
  });

  it('answers the trees that Docker left, by the parent that its JSON names', async () => {
    for (const number of [1, 2]) mkdirSync(`${home}/dir/${layerId(number)}`, { mode: 0o700 });
    expect(await driver.mount(layerId(2), layerId(1))).toEqual({
      style: 'full',
      dir: `${home}/dir/${layerId(2)}`,
      lowers: [`${home}/dir/${layerId(1)}`],
    });
    await expect(driver.mount(layerId(2), layerId(3))).rejects.toMatchObject({ code: 'LAYER_NOT_FOUND' });
  });

  it('leaves nothing of a clone that fails half-way', async () => {
    await commitLayer(driver, layerId(1), null, (dir) => {
      for (let number = 0; number < 200; number++) writeFileSync(`${dir}/${number}`, '');
    });
    const abort = new AbortController();
    const staged = driver.stage(layerId(2), layerId(1), { signal: abort.signal });
    await Promise.resolve();
    abort.abort();
    await expect(staged).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(readdirSync(`${home}/tmp`)).toEqual([]);
  });

  it('sweeps what a dead process left', async () => {
    mkdirSync(`${home}/tmp/left/deep/er`, { recursive: true });
    await driver.sweep();
    expect(existsSync(`${home}/tmp/left`)).toBe(false);
  });
});
