import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { setupInitLayer } from '../../src/archive/init-layer.ts';
import { openSystem } from '../../src/system/select.ts';
import { Scratch } from '../support/make-tree.ts';
import { listTree } from '../support/layer-lab.ts';

let scratch: Scratch;

beforeEach(() => {
  scratch = new Scratch();
});
afterEach(() => scratch[Symbol.dispose]());

const FILES = ['.dockerenv', '.dockerinit', 'dev/console', 'etc/hostname', 'etc/hosts', 'etc/resolv.conf'];
const DIRS = ['dev', 'dev/pts', 'dev/shm', 'etc', 'proc', 'sys'];

function expectComplete(root: string): void {
  for (const path of DIRS) expect(lstatSync(join(root, path)).isDirectory(), path).toBe(true);
  for (const path of FILES) {
    const stat = lstatSync(join(root, path));
    expect([path, stat.isFile(), stat.size, stat.mode & 0o7777]).toEqual([path, true, 0, 0o755]);
  }
  expect(readlinkSync(join(root, 'etc/mtab'))).toBe('/proc/mounts');
}

describe.each(['linux', 'portable'] as const)('with %s calls', (prefer) => {
  const setup = (dir: string): Promise<void> => setupInitLayer(dir, openSystem({ prefer }));

  it('makes everything in an empty directory, or in none, whatever the umask', async () => {
    const before = process.umask(0o077);
    try {
      await setup(scratch.tree('empty', {}));
      await setup(scratch.path('new/dir'));
    } finally {
      process.umask(before);
    }
    for (const root of [scratch.path('empty'), scratch.path('new/dir')]) {
      expectComplete(root);
      expect(readdirSync(root).sort()).toEqual(['.dockerenv', '.dockerinit', 'dev', 'etc', 'proc', 'sys']);
      for (const path of DIRS) expect(lstatSync(join(root, path)).mode & 0o7777).toBe(0o755);
    }
  });

  it('gives the same twice', async () => {
    const root = scratch.tree('dir', {});
    await setup(root);
    const first = listTree(root);
    await setup(root);
    expect(listTree(root)).toEqual(first);
  });

  it("replaces an image's own files and links by empty ones, and keeps what else it has", async () => {
    const root = scratch.tree('image', {
      'etc/hosts': '1.2.3.4 evil',
      'etc/resolv.conf': '-> ../run/resolv.conf',
      'etc/mtab': 'text',
      'etc/passwd': 'root:x:0:0',
      'dev/console': 'x',
      proc: 'a file',
    });
    await setup(root);
    expectComplete(root);
    expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).toBe('root:x:0:0');
  });

  it('touches nothing outside when links lead there', async () => {
    const victim = scratch.tree('victim', { hosts: 'mine', shm: null, pts: null });
    const before = listTree(victim, { times: true });
    const root = scratch.tree('image', {});
    symlinkSync(victim, join(root, 'etc'));
    symlinkSync('../victim', join(root, 'dev'));
    symlinkSync(join(victim, 'hosts'), join(root, '.dockerenv'));
    symlinkSync('/nowhere', join(root, 'sys'));
    await setup(root);
    expectComplete(root);
    expect(listTree(victim, { times: true })).toEqual(before);
  });

  it('leaves a directory that has the name of a file', async () => {
    const root = scratch.tree('image', { 'etc/hosts/inside': 'x', 'dev/pts/0': 'x' });
    await setup(root);
    expect(readFileSync(join(root, 'etc/hosts/inside'), 'utf8')).toBe('x');
    expect(readFileSync(join(root, 'dev/pts/0'), 'utf8')).toBe('x');
    rmSync(join(root, 'etc/hosts'), { recursive: true });
    await setup(root);
    expectComplete(root);
  });

  it('fails when something that cannot be replaced is in the way', async () => {
    const root = scratch.tree('image', { 'etc/hosts': 'x' });
    const system = openSystem({ prefer });
    const stubborn = { ...system, unlink: () => -13 };
    await expect(setupInitLayer(root, stubborn)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });
});

it('refuses a file as the directory', async () => {
  mkdirSync(scratch.path('d'));
  const root = scratch.tree('d', { f: '' });
  await expect(setupInitLayer(join(root, 'f'))).rejects.toMatchObject({
    code: 'SYSTEM_CALL_FAILED',
    details: { errno: 'EEXIST' },
  });
});
