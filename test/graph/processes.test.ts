import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { openTestStore } from '../support/test-store.ts';

const WRITER = fileURLToPath(new URL('../support/workers/store-writer.ts', import.meta.url));
const PROCESSES = 4;
const TAGS = 200;

test.each(['vfs', 'overlay2'])(
  'four processes, with twenty imports and eight hundred names at once, lose nothing: %s',
  async (driver) => {
    const root = join(mkdtempSync(join(tmpdir(), 'layermill-processes-')), 'store');
    const write = (number: number): Promise<unknown> =>
      promisify(execFile)(process.execPath, ['--import', 'tsx', WRITER, root, driver, String(number), String(TAGS)]);
    try {
      await Promise.all(Array.from({ length: PROCESSES }, (_, number) => write(number)));
      const store = await openTestStore(driver, { root });
      const ids = new Set<string>();
      for (let number = 0; number < PROCESSES; number++) {
        const tags = store.tags.get(`writer-${number}`);
        expect(tags?.size).toBe(TAGS);
        expect(store.tags.get(`imported-${number}`)?.size).toBe(5);
        for (const id of tags!.values()) ids.add(id);
      }
      expect(ids.size).toBe(5);
      for (const id of ids) {
        expect(await store.graph.layersOf(id)).toHaveLength(2);
        for (const { id: layer } of await store.graph.layersOf(id))
          await (await store.graph.tempLayerArchive(layer)).close();
      }
      // Five heads, five tops, one base that all share.
      expect(readdirSync(store.graph.root)).toHaveLength(5 + 5 + 1 + 1);
      expect(readdirSync(join(root, 'graph/_tmp'))).toEqual([]);
      expect(readdirSync(join(root, driver, 'tmp'))).toEqual([]);
      await store[Symbol.asyncDispose]();
    } finally {
      rmSync(join(root, '..'), { recursive: true });
    }
  },
);
