import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { hasCode } from '../errors/kinds.ts';
import { BASE, CHILD, isRoot, layerId, makeOddTree, type Promises, refuses, UNKNOWN } from './driver-lab.ts';

/** What must never become a path. */
const NO_IDS = ['', '.', '..', '../up', 'a/b', layerId(1).toUpperCase(), `${layerId(1)}\n`, layerId(1).slice(1)];

/** What a driver says about its layers, and how it is opened, shared, swept and emptied. */
export const STORE_PROMISES: Promises = {
  'says its name and facts about itself': async ({ driver, home }) => {
    match(driver.name, /^[a-z0-9]+$/);
    ok(driver.status().flat().includes(home));
  },

  'does not know a layer that nobody committed': async (lab) => {
    equal(await lab.driver.exists(UNKNOWN), false);
    deepEqual(await lab.ids(), []);
    await refuses(() => lab.driver.mount(UNKNOWN, null), 'LAYER_NOT_FOUND');
    await refuses(() => lab.driver.get(UNKNOWN), 'LAYER_NOT_FOUND');
  },

  'removes a layer, and does not mind one that is not there': async (lab) => {
    await lab.commit(BASE, null, makeOddTree);
    await lab.driver.remove(BASE);
    await lab.driver.remove(BASE);
    equal(await lab.driver.exists(BASE), false);
    deepEqual(await lab.ids(), []);
    await lab.commit(BASE, null);
    deepEqual(await lab.view(BASE, null), []);
  },

  'sweeps nothing that somebody is making': async (lab) => {
    const other = await lab.another();
    const staged = await lab.driver.stage(BASE, null);
    await other.sweep();
    await lab.driver.sweep();
    await staged.commit();
    equal(await other.exists(BASE), true);
    await other.close();
  },

  'refuses what is no id before it becomes a path': async ({ driver }) => {
    for (const id of NO_IDS) {
      await refuses(() => driver.exists(id), 'INVALID_ID');
      await refuses(() => driver.stage(id, null), 'INVALID_ID');
      await refuses(() => driver.stage(BASE, id), 'INVALID_ID');
      await refuses(() => driver.stageEmpty(id, null), 'INVALID_ID');
      await refuses(() => driver.mount(id, null), 'INVALID_ID');
      await refuses(() => driver.get(id), 'INVALID_ID');
      await refuses(() => driver.remove(id), 'INVALID_ID');
    }
  },

  'reads a store that it may not write': async (lab) => {
    await lab.commit(BASE, null, makeOddTree);
    const reader = await lab.another({ readOnly: true });
    deepEqual(await lab.ids(reader), [BASE]);
    deepEqual(await lab.view(BASE, null, reader), await lab.view(BASE, null));
    await refuses(() => reader.stage(CHILD, BASE), 'STORE_READ_ONLY');
    await refuses(() => reader.remove(BASE), 'STORE_READ_ONLY');
    await refuses(() => reader.sweep(), 'STORE_READ_ONLY');
    await reader.close();
  },

  'finds a home that is not there empty, and does not make it when it may not write': async (lab) => {
    const home = `${lab.root}/elsewhere`;
    const reader = await lab.another({ home, readOnly: true });
    deepEqual(await lab.ids(reader), []);
    equal(await reader.exists(BASE), false);
    equal(existsSync(home), false);
    await reader.close();
  },

  'opens a second time with what it had': async (lab) => {
    await lab.commit(BASE, null, makeOddTree);
    const again = await lab.another();
    deepEqual(await lab.view(BASE, null, again), await lab.view(BASE, null));
    await again.close();
  },

  'gives the whole tree as a directory, as long as somebody uses it': async (lab) => {
    const { driver } = lab;
    await lab.commit(BASE, null, (dir) => writeFileSync(`${dir}/below`, 'b'));
    await lab.commit(CHILD, BASE, (dir) => writeFileSync(`${dir}/above`, 'a'));
    let tree: string;
    try {
      tree = await driver.get(CHILD);
    } catch (error) {
      equal(isRoot, false);
      ok(hasCode(error, 'DRIVER_MOUNT_UNAVAILABLE'));
      match(error.message, /unpack/);
      return;
    }
    equal(await driver.get(CHILD), tree);
    await driver.put(CHILD);
    deepEqual(readdirSync(tree).sort(), ['above', 'below']);
    equal(readFileSync(`${tree}/below`, 'utf8'), 'b');
    await driver.put(CHILD);
    await driver.put(CHILD);
    await driver.remove(CHILD);
    equal(await driver.exists(CHILD), false);
  },
};
