import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeTree } from '../../src/archive/remove-tree.ts';
import { openSystem } from '../../src/system/select.ts';
import { makeDeepTree } from '../support/deep-tree.ts';

describe.each([openSystem(), openSystem({ prefer: 'portable' })])('removeTree, $kind', (system) => {
  let root: string;
  let tree: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'layermill-remove-'));
    tree = `${root}/tree`;
    mkdirSync(tree);
  });
  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  it('removes a directory and all it holds', async () => {
    mkdirSync(`${tree}/a/b`, { recursive: true });
    writeFileSync(`${tree}/a/b/file`, '');
    writeFileSync(Buffer.from(`${tree}/caf\xe9`, 'latin1'), '');
    await removeTree(system, tree);
    expect(existsSync(tree)).toBe(false);
  });

  it('does not mind a directory that is not there', async () => {
    await removeTree(system, `${tree}/none`);
    expect(existsSync(tree)).toBe(true);
  });

  it('removes links, not what they lead to', async () => {
    mkdirSync(`${root}/outside`);
    writeFileSync(`${root}/outside/file`, '');
    symlinkSync(`${root}/outside`, `${tree}/link`);
    await removeTree(system, tree);
    expect(existsSync(`${root}/outside/file`)).toBe(true);
  });

  it('removes directories that not even their owner may enter', async () => {
    mkdirSync(`${tree}/shut/inner`, { recursive: true });
    writeFileSync(`${tree}/shut/inner/file`, '');
    mkdirSync(`${tree}/read-only`);
    writeFileSync(`${tree}/read-only/file`, '');
    for (const [name, mode] of [
      ['shut/inner', 0],
      ['shut', 0o400],
      ['read-only', 0o555],
    ] as const) {
      chmodSync(`${tree}/${name}`, mode);
    }
    await removeTree(system, tree);
    expect(existsSync(tree)).toBe(false);
  });

  it.runIf(system.kind === 'linux')('removes what lies deeper than an absolute path can say', async () => {
    makeDeepTree(system, tree);
    await removeTree(system, tree);
    expect(existsSync(tree)).toBe(false);
  });

  it('lets other work go on meanwhile', async () => {
    for (let number = 0; number < 5000; number++) writeFileSync(`${tree}/${number}`, '');
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await removeTree(system, tree);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });
});
