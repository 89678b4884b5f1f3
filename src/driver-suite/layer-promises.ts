import { deepEqual, equal, match, notDeepEqual, ok } from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import {
  BASE,
  CHILD,
  describeRoot,
  GRANDCHILD,
  layerId,
  makeOddTree,
  type Promises,
  refuses,
  UNKNOWN,
} from './driver-lab.ts';

const modeOf = (path: string): number => lstatSync(path).mode & 0o7777;

/** How layers are filled, committed, and stacked on one another. */
export const LAYER_PROMISES: Promises = {
  'shows a layer after its commit, not before': async (lab) => {
    const staged = await lab.driver.stage(BASE, null);
    writeFileSync(`${staged.mount.dir}/file`, 'x');
    equal(await lab.driver.exists(BASE), false);
    deepEqual(await lab.ids(), []);
    await staged.commit();
    equal(await lab.driver.exists(BASE), true);
    deepEqual(await lab.ids(), [BASE]);
    const [line, ...others] = await lab.view(BASE, null);
    match(line ?? '', /^file f .* "x"$/);
    deepEqual(others, []);
  },

  'starts a base empty, with the root that file systems have, whatever the umask': async (lab) => {
    const before = process.umask(0o077);
    try {
      await lab.commit(BASE, null);
    } finally {
      process.umask(before);
    }
    const { dir, lowers } = await lab.driver.mount(BASE, null);
    deepEqual(readdirSync(dir), []);
    deepEqual(lowers, []);
    const { uid, gid } = lstatSync(dir);
    deepEqual([uid, gid], [process.geteuid?.(), process.getegid?.()]);
    equal(modeOf(dir), 0o755);
  },

  'leaves nothing of a discarded layer': async (lab) => {
    const staged = await lab.driver.stage(BASE, null);
    mkdirSync(`${staged.mount.dir}/a/b/c`, { recursive: true });
    await staged.discard();
    await staged.discard();
    equal(existsSync(staged.mount.dir), false);
    equal(await lab.driver.exists(BASE), false);
    await lab.commit(BASE, null);
  },

  'shows a child exactly what its parent has, special modes, owners and times included': async (lab) => {
    await lab.commit(BASE, null, makeOddTree);
    await lab.commit(CHILD, BASE);
    const shown = await lab.view(CHILD, BASE);
    deepEqual(shown, await lab.view(BASE, null));
    ok(shown.some((line) => line.startsWith('a subdir d 1705 ')));
    ok(shown.includes('a second name = a file'));
    await lab.driver.remove(CHILD);
    await lab.driver.remove(BASE);
    deepEqual(await lab.ids(), []);
  },

  'never lets a child change its parent': async (lab) => {
    await lab.commit(BASE, null, makeOddTree);
    const before = await lab.view(BASE, null);
    await lab.commit(CHILD, BASE, (dir) => {
      rmSync(`${dir}/a file`, { force: true });
      writeFileSync(`${dir}/a file`, 'changed');
      writeFileSync(`${dir}/new`, '');
    });
    deepEqual(await lab.view(BASE, null), before);
    notDeepEqual(await lab.view(CHILD, BASE), before);
  },

  'stacks layers nearest first': async (lab) => {
    await lab.commit(BASE, null, (dir) => writeFileSync(`${dir}/one`, ''));
    await lab.commit(CHILD, BASE, (dir) => writeFileSync(`${dir}/two`, ''));
    const staged = await lab.driver.stage(GRANDCHILD, CHILD);
    equal(staged.mount.lowers?.[0], (await lab.driver.mount(CHILD, BASE)).dir);
    writeFileSync(`${staged.mount.dir}/three`, '');
    await staged.commit();
    deepEqual((await lab.driver.mount(GRANDCHILD, CHILD)).lowers, staged.mount.lowers);
    deepEqual(await lab.names(GRANDCHILD, CHILD), ['one', 'three', 'two']);
  },

  'makes an empty layer that shows what its parent shows': async (lab) => {
    await lab.commit(BASE, null, makeOddTree);
    const staged = await lab.driver.stageEmpty(CHILD, BASE);
    await staged.commit();
    deepEqual(await lab.view(CHILD, BASE), await lab.view(BASE, null));
    const alone = await lab.driver.stageEmpty(GRANDCHILD, null);
    await alone.commit();
    deepEqual(await lab.view(GRANDCHILD, null), []);
  },

  'gives the root of a child what its parent says of it, unless the child says otherwise': async (lab) => {
    await lab.commit(BASE, null, (dir) => describeRoot(dir, 0o711));
    await lab.commit(CHILD, BASE, (dir) => writeFileSync(`${dir}/file`, ''));
    equal(modeOf((await lab.driver.mount(CHILD, BASE)).dir), 0o711);
    await lab.commit(GRANDCHILD, CHILD, (dir) => describeRoot(dir, 0o755));
    equal(modeOf((await lab.driver.mount(GRANDCHILD, CHILD)).dir), 0o755);
  },

  'refuses a parent that is not there': async ({ driver }) => {
    await refuses(() => driver.stage(CHILD, UNKNOWN), 'LAYER_NOT_FOUND');
    await refuses(() => driver.stageEmpty(CHILD, UNKNOWN), 'LAYER_NOT_FOUND');
  },

  'fills a layer before its parent is there, or says that it cannot': async (lab) => {
    const early = (): ReturnType<typeof lab.driver.stage> => lab.driver.stage(CHILD, BASE, { parentReady: false });
    if (!lab.driver.appliesInAnyOrder) return refuses(early, 'LAYER_NOT_FOUND');
    const staged = await early();
    deepEqual(staged.mount.lowers, []);
    writeFileSync(`${staged.mount.dir}/above`, '');
    await refuses(() => staged.commit(), 'LAYER_NOT_FOUND');
    await lab.commit(BASE, null, (dir) => {
      writeFileSync(`${dir}/below`, '');
      describeRoot(dir, 0o711);
    });
    await staged.commit();
    deepEqual(await lab.names(CHILD, BASE), ['above', 'below']);
    equal(modeOf((await lab.driver.mount(CHILD, BASE)).dir), 0o711);
  },

  'makes several layers at once': async (lab) => {
    await lab.commit(BASE, null, makeOddTree);
    const several = [10, 11, 12, 13].map(layerId);
    await Promise.all(several.map((id) => lab.commit(id, BASE)));
    deepEqual(await lab.ids(), [BASE, ...several].sort());
    for (const id of several) deepEqual(await lab.view(id, BASE), await lab.view(BASE, null));
  },

  'commits a layer once: the second commit is refused and harms nothing': async (lab) => {
    const [first, second] = [await lab.driver.stage(BASE, null), await lab.driver.stage(BASE, null)];
    await first.commit();
    writeFileSync(`${second.mount.dir}/late`, '');
    await refuses(() => second.commit(), 'ALREADY_EXISTS');
    await second.discard();
    equal(await lab.driver.exists(BASE), true);
    deepEqual(await lab.view(BASE, null), []);
  },

  'stops before it starts when the signal has aborted': ({ driver }) =>
    refuses(() => driver.stage(BASE, null, { signal: AbortSignal.abort() }), 'CANCELLED'),

  'keeps names that are no text': async (lab) => {
    const name = Buffer.from('caf\xe9\n', 'latin1');
    await lab.commit(BASE, null, (dir) => writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), name]), 'bytes'));
    await lab.commit(CHILD, BASE);
    const shown = await lab.view(CHILD, BASE);
    equal(shown.length, 1);
    match(shown[0] ?? '', /^caf\xe9\n f .* "bytes"$/);
    await lab.driver.remove(CHILD);
  },
};
