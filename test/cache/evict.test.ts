import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { evict } from '../../src/cache/evict.ts';

it('what was used longest ago goes first, with the note of its use', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'layermill-cache-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const [blobs, used] = ['blobs', 'used'].map((name) => join(dir, name)) as [string, string];
  const make = (place: string, name: string, bytes: number, second: number): void => {
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, name), Buffer.alloc(bytes));
    utimesSync(join(place, name), second, second);
  };
  for (const [name, made] of [
    ['oldest', 1],
    ['older', 2],
    ['newer', 3],
  ] as const)
    make(blobs, name, 10, made);
  make(used, 'oldest', 0, 9);
  await evict(blobs, used, 20);
  expect(readdirSync(blobs).toSorted()).toEqual(['newer', 'oldest']);
  await evict(blobs, used, 5);
  expect([readdirSync(blobs), readdirSync(used)]).toEqual([[], []]);
});
