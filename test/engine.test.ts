import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadSettings } from '../src/config/load.ts';
import { openEngine } from '../src/engine.ts';
import { inlinePool } from './support/test-store.ts';

test.each([
  ['vfs', ['dir']],
  ['overlay2', ['l']],
])('%s has a directory of its own in the store, and puts nothing beside it', async (driver, own) => {
  const root = mkdtempSync(join(tmpdir(), 'layermill-engine-'));
  const settings = await loadSettings({ env: {}, uid: 0, flags: { root, driver } });
  const engine = await openEngine(settings, { pool: inlinePool() });
  try {
    expect(readdirSync(join(root, driver))).toEqual(own);
    expect(readdirSync(root).filter((name) => own.includes(name))).toEqual([]);
  } finally {
    await engine.close();
    rmSync(root, { recursive: true });
  }
});
