import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileSystemOf } from '../../src/bench/machine.ts';
import { openPageCache } from '../../src/bench/page-cache.ts';
import { bytesBelow, treeWork } from '../../src/bench/tree-work.ts';

describe('the page cache', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'layermill-cache-'));
    mkdirSync(join(dir, 'layout/blobs'), { recursive: true });
    writeFileSync(join(dir, 'layout/blobs/a'), 'abc');
    writeFileSync(join(dir, 'b'), 'de');
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('warm reads files and what is in directories, and minds nothing that is missing', () => {
    const cache = openPageCache('warm', dir, []);
    expect(cache.facts).toMatchObject({ wanted: 'warm', done: expect.stringMatching(/^warm/) as string });
    expect(() => cache.ready([join(dir, 'layout'), join(dir, 'b'), join(dir, 'missing')])).not.toThrow();
  });

  it('on tmpfs it says that nothing is cold', (context) => {
    const memory = '/dev/shm';
    if (!existsSync(memory) || fileSystemOf(memory) !== 'tmpfs') context.skip('no tmpfs at /dev/shm');
    const { facts } = openPageCache('cold', memory, []);
    expect(facts).toEqual({
      wanted: 'cold',
      done: expect.stringMatching(/^not cold: everything is on tmpfs/) as string,
    });
  });

  it('work is counted in entries and in bytes of files', () => {
    expect(treeWork(dir)).toEqual({ bytes: 5, entries: 4, images: 1 });
    expect([bytesBelow(join(dir, 'b')), bytesBelow(join(dir, 'layout'))]).toEqual([2, 3]);
  });
});
