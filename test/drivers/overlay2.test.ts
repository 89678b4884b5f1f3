import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Driver } from '../../src/drivers/driver.ts';
import { openOverlay2 } from '../../src/drivers/overlay2.ts';
import { openSystem } from '../../src/system/select.ts';
import type { TaskPool } from '../../src/tasks/task-pool.ts';
import { commitLayer, layerId } from '../../src/driver-suite/driver-lab.ts';
import { driverSuite } from '../suites/driver.ts';
import { inlinePool } from '../support/test-store.ts';

driverSuite('overlay2', openOverlay2);

const isRoot = process.geteuid?.() === 0;
if (!isRoot) console.log('overlay2: the tests that mount are skipped, they need root');

describe('overlay2', () => {
  let home: string;
  let pool: TaskPool;
  let driver: Driver;

  beforeEach(async () => {
    // A colon, a comma and a backslash would each end a path in mount options.
    home = join(mkdtempSync(join(tmpdir(), 'layermill-overlay-')), 'a:b,c\\d');
    pool = inlinePool();
    driver = await openOverlay2({ home, pool, readOnly: false });
  });
  afterEach(async () => {
    await driver.close();
    await pool.close();
    rmSync(join(home, '..'), { recursive: true });
  });

  const commitFile = (number: number, name = `file-${number}`): Promise<void> =>
    commitLayer(driver, layerId(number), number === 1 ? null : layerId(number - 1), (dir) =>
      writeFileSync(`${dir}/${name}`, String(number)),
    );

  it('keeps the files that Docker keeps', async () => {
    await commitFile(1);
    await commitFile(2);
    await commitFile(3);
    const link = (number: number): string => readFileSync(`${home}/${layerId(number)}/link`, 'utf8');
    expect(readdirSync(`${home}/${layerId(1)}`).sort()).toEqual(['diff', 'link']);
    expect(readdirSync(`${home}/${layerId(3)}`).sort()).toEqual(['diff', 'link', 'lower']);
    expect(readFileSync(`${home}/${layerId(3)}/lower`, 'utf8')).toBe(`l/${link(2)}:l/${link(1)}`);
    expect(readlinkSync(`${home}/l/${link(3)}`)).toBe(`../${layerId(3)}/diff`);
    expect(readdirSync(`${home}/tmp`)).toEqual([]);
  });

  it('keeps in a layer only what it changes', async () => {
    await commitFile(1);
    await commitFile(2);
    expect(readdirSync(`${home}/${layerId(2)}/diff`)).toEqual(['file-2']);
  });

  it('sweeps links whose layer never came, and what a dead process left', async () => {
    await commitFile(1);
    symlinkSync(`../${layerId(9)}/diff`, `${home}/l/dangling`);
    mkdirSync(`${home}/tmp/left/diff/deep`, { recursive: true });
    await driver.sweep();
    expect(readdirSync(`${home}/l`)).toEqual([readFileSync(`${home}/${layerId(1)}/link`, 'utf8')]);
    expect(readdirSync(`${home}/tmp`)).toEqual([]);
  });

  it('takes the link of a layer away with it', async () => {
    await commitFile(1);
    await driver.remove(layerId(1));
    expect(readdirSync(`${home}/l`)).toEqual([]);
  });

  it.each([
    ['lower', 'l/../../etc'],
    ['link', '../x'],
  ])('refuses a layer whose file %s names no layer', async (file, text) => {
    await commitFile(1);
    writeFileSync(`${home}/${layerId(1)}/${file}`, text);
    await expect(driver.mount(layerId(1), null)).rejects.toMatchObject({ code: 'DRIVER_FAILED' });
  });

  it('refuses a link that leads out of the store', async () => {
    await commitFile(1);
    await commitFile(2);
    const link = `${home}/l/${readFileSync(`${home}/${layerId(1)}/link`, 'utf8')}`;
    rmSync(link);
    symlinkSync('/etc', link);
    await expect(driver.mount(layerId(2), layerId(1))).rejects.toMatchObject({ code: 'DRIVER_FAILED' });
  });

  it('gives a base as it is: there is nothing to mount', async () => {
    await commitFile(1);
    expect(await driver.get(layerId(1))).toBe(`${home}/${layerId(1)}/diff`);
    await driver.put(layerId(1));
  });

  it.skipIf(isRoot)('names unpack where it cannot mount', async () => {
    await commitFile(1);
    await commitFile(2);
    await expect(driver.get(layerId(2))).rejects.toMatchObject({
      code: 'DRIVER_MOUNT_UNAVAILABLE',
      message: expect.stringContaining('layermill unpack'),
    });
  });

  it.runIf(isRoot)('mounts read only, for as long as somebody uses the tree', async () => {
    await commitFile(1);
    await commitFile(2);
    const tree = await driver.get(layerId(2));
    await driver.get(layerId(2));
    expect(() => writeFileSync(`${tree}/new`, '')).toThrow('EROFS');
    await driver.put(layerId(2));
    expect(readdirSync(tree)).toEqual(['file-1', 'file-2']);
    await expect(driver.remove(layerId(2))).rejects.toMatchObject({ code: 'IMAGE_IN_USE' });
    await driver.put(layerId(2));
    expect(readdirSync(tree)).toEqual([]);
  });

  it.runIf(isRoot)('shows through the mount what whiteouts and opaque directories leave', async () => {
    const system = openSystem();
    await commitLayer(driver, layerId(1), null, (dir) => {
      for (const name of ['gone', 'kept']) writeFileSync(`${dir}/${name}`, '');
      mkdirSync(`${dir}/opaque`);
      writeFileSync(`${dir}/opaque/below`, '');
    });
    await commitLayer(driver, layerId(2), layerId(1), (dir) => {
      mkdirSync(`${dir}/opaque`);
      writeFileSync(`${dir}/opaque/above`, '');
      const opened = system.openRoot(dir);
      if (typeof opened === 'number') throw new Error(`open failed: ${opened}`);
      expect(system.mknod(opened, 'gone', 0o020000, 0, 0)).toBe(0);
      expect(system.setXattr(opened, 'opaque', 'trusted.overlay.opaque', Buffer.from('y'))).toBe(0);
      system.closeDir(opened);
    });
    const tree = await driver.get(layerId(2));
    expect(readdirSync(tree).sort()).toEqual(['kept', 'opaque']);
    expect(readdirSync(`${tree}/opaque`)).toEqual(['above']);
    await driver.put(layerId(2));
  });

  it.runIf(isRoot)('reads the marks of an ordinary user, but not of two kinds in one tree', async () => {
    const system = openSystem();
    await commitLayer(driver, layerId(1), null, (dir) => {
      mkdirSync(`${dir}/opaque`);
      writeFileSync(`${dir}/opaque/below`, '');
    });
    await commitLayer(driver, layerId(2), layerId(1), (dir) => {
      mkdirSync(`${dir}/opaque`);
      const opened = system.openRoot(dir);
      if (typeof opened === 'number') throw new Error(`open failed: ${opened}`);
      expect(system.setXattr(opened, 'opaque', 'user.overlay.opaque', Buffer.from('y'))).toBe(0);
      system.closeDir(opened);
    });
    chownSync(`${home}/${layerId(2)}`, 1000, 1000);
    await expect(driver.get(layerId(2))).rejects.toMatchObject({ code: 'DRIVER_MOUNT_UNAVAILABLE' });
    chownSync(`${home}/${layerId(1)}`, 1000, 1000);
    const tree = await driver.get(layerId(2));
    expect(readdirSync(`${tree}/opaque`)).toEqual([]);
    await driver.put(layerId(2));
  });

  it.runIf(isRoot)('mounts more layers than fit into one page of mount options by their paths', async () => {
    for (let number = 1; number <= 126; number++) await commitFile(number);
    const tree = await driver.get(layerId(126));
    expect(readdirSync(tree)).toHaveLength(126);
    await driver.put(layerId(126));
  });

  it.runIf(isRoot)('names unpack for more layers than the kernel mounts', async () => {
    for (let number = 1; number <= 150; number++) await commitFile(number);
    await expect(driver.get(layerId(150))).rejects.toMatchObject({
      code: 'DRIVER_MOUNT_UNAVAILABLE',
      message: expect.stringContaining('layermill unpack'),
    });
    await driver.put(layerId(150));
  });

  it.runIf(isRoot)('removes a layer that a dead process left mounted', async () => {
    await commitFile(1);
    await commitFile(2);
    const merged = `${home}/${layerId(2)}/merged`;
    mkdirSync(merged);
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', merged]);
    await driver.remove(layerId(2));
    expect(existsSync(`${home}/${layerId(2)}`)).toBe(false);
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(layerId(2));
  });

  it.runIf(isRoot)('unmounts everything when it is closed', async () => {
    await commitFile(1);
    await commitFile(2);
    const tree = await driver.get(layerId(2));
    expect(driver.status()).toContainEqual(['Mounted Layers', '1']);
    await driver.close();
    expect(readdirSync(tree)).toEqual([]);
    expect(lstatSync(tree).isDirectory()).toBe(true);
  });
});
