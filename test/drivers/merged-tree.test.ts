import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/archive/limits.ts';
import type { Driver } from '../../src/drivers/driver.ts';
import { DRIVER_NAMES, openDriver } from '../../src/drivers/registry.ts';
import { openSystem } from '../../src/system/select.ts';
import type { TaskPool } from '../../src/tasks/task-pool.ts';
import { layerId } from '../../src/driver-suite/driver-lab.ts';
import { inlinePool } from '../support/test-store.ts';
import { dir, file, hardlink, symlink, tar } from '../support/tar-fixture.ts';
import { viewTree } from '../../src/driver-suite/view-tree.ts';

const isRoot = process.geteuid?.() === 0;

/** Layers, base first, whose merged tree must not depend on the driver. */
const STACKS: Record<string, Buffer[][]> = {
  'implies a directory that a layer below describes': [
    [dir('tmp/', { mode: 0o1777, mtime: 5 }), dir('home/', { mode: 0o700 })],
    [file('tmp/new', 'x'), file('home/deep/er/file', 'y')],
  ],
  'writes through a link of a layer below': [
    [dir('usr/'), dir('usr/lib/', { mode: 0o711 }), symlink('lib', 'usr/lib'), file('usr/lib/old', 'o')],
    [file('lib/new', 'n')],
    [file('lib/.wh.old')],
  ],
  'whites out files, directories and what is not there': [
    [dir('a/'), file('a/file', '1'), dir('a/b/'), file('a/b/file', '2'), file('c', '3')],
    [file('a/.wh.file'), file('.wh.c'), file('a/.wh.none'), file('none/.wh.none')],
    [dir('a/'), file('a/.wh.b'), file('c', '4')],
  ],
  'hides the content of a directory, before and after its own': [
    [dir('d/'), file('d/low', ''), dir('e/'), file('e/low', ''), dir('e/sub/'), file('e/sub/low', '')],
    [dir('d/'), file('d/.wh..wh..opq'), file('d/up', ''), dir('e/'), file('e/sub/up', ''), file('e/.wh..wh..opq')],
  ],
  'hides everything': [
    [dir('d/'), file('d/low', ''), file('f', '')],
    [file('.wh..wh..opq'), dir('d/'), file('d/up', '')],
  ],
  'fills a directory that it does not describe, then hides what was in it': [
    [dir('d/', { mtime: 5 }), file('d/low', ''), dir('d/sub/', { mtime: 6 }), file('d/sub/low', '')],
    [file('d/sub/up', ''), file('.wh.d')],
  ],
  'fills a directory that it does not describe, then hides everything': [
    [dir('d/', { mtime: 5 }), file('d/low', ''), dir('d/sub/', { mtime: 6 }), file('d/sub/low', '')],
    [file('d/sub/up', ''), file('.wh..wh..opq')],
  ],
  'hides everything, then implies a directory that was there': [
    [dir('d/', { mode: 0o700, mtime: 5 }), file('d/low', '')],
    [file('.wh..wh..opq'), file('d/up', '', { mtime: 9 })],
  ],
  'puts one type in the place of another': [
    [dir('dir/'), file('dir/file', ''), file('file', ''), symlink('link', 'dir')],
    [file('dir', 'now a file'), dir('file/'), file('file/inside', ''), dir('link/'), file('link/inside', '')],
    [dir('dir/'), file('dir/new', '')],
  ],
  'links to a file of a layer below': [
    [dir('bin/'), file('bin/tool', 'tool', { mode: 0o755, mtime: 9 })],
    [hardlink('bin/alias', 'bin/tool')],
  ],
  'links to its own file through a link of a layer below': [
    [dir('a/'), file('a/f', 'low'), file('a/g', 'low'), symlink('l', 'a')],
    [dir('a/'), file('a/f', 'up'), hardlink('h', 'l/f')],
  ],
  'describes the root': [
    [dir('./', { mode: 0o711, mtime: 5 }), file('one', '')],
    [file('two', '')],
    [dir('./', { mode: 0o755, mtime: 6 }), file('three', '')],
    [file('four', '')],
  ],
  'whites out in a base': [[file('.wh.none'), dir('d/'), file('d/.wh..wh..opq'), file('d/file', '')]],
};

describe('the merged tree is the same on every driver', () => {
  const system = openSystem();
  let root: string;
  let pool: TaskPool;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'layermill-merged-'));
    pool = inlinePool();
  });
  afterEach(async () => {
    await pool.close();
    execFileSync('chmod', ['-R', 'u+rwX', root]);
    rmSync(root, { recursive: true });
  });

  const apply = async (driver: Driver, number: number, tarFile: string): Promise<void> => {
    const staged = await driver.stage(layerId(number), parentOf(number));
    const meta = `${root}/meta-${driver.name}-${number}`;
    mkdirSync(meta);
    const result = await pool.run('layer.apply', {
      source: { from: 'blob', blob: { path: tarFile } },
      target: staged.mount,
      meta,
      bytes: { keepBlob: null, expected: {} },
      limits: DEFAULT_LIMITS,
    });
    expect(result.status).toBe('applied');
    await staged.commit();
  };

  it.each(Object.entries(STACKS))('when a layer %s', async (_name, layers) => {
    const views: { root: string; tree: string[] }[] = [];
    for (const name of DRIVER_NAMES) {
      const driver = await openDriver(name, { home: `${root}/${name}`, pool, readOnly: false });
      for (const [index, pieces] of layers.entries()) {
        const tarFile = `${root}/layer-${index}.tar`;
        writeFileSync(tarFile, tar(pieces));
        await apply(driver, index + 1, tarFile);
      }
      const mount = await driver.mount(layerId(layers.length), parentOf(layers.length));
      const view = viewTree(system, mount);
      if (isRoot) {
        const mounted = await driver.get(layerId(layers.length));
        expect(viewTree(system, { style: 'full', dir: mounted, lowers: [] })).toEqual(view);
        await driver.put(layerId(layers.length));
      }
      views.push({ root: rootOf(mount.dir), tree: view });
      await driver.close();
    }
    for (const view of views) expect(view).toEqual(views[0]);
  });
});

function parentOf(number: number): string | null {
  return number === 1 ? null : layerId(number - 1);
}

function rootOf(dir: string): string {
  const { mode, uid, gid } = statSync(dir);
  return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
}
