import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { profileFor } from '../../src/compression/codecs.ts';
import { DRIVER_NAMES } from '../../src/drivers/registry.ts';
import { codeOf } from '../support/code-of.ts';
import { seeded } from '../support/random.ts';
import { randomLayer } from '../support/random-layer.ts';
import { openTestStore, type TestStore } from '../support/test-store.ts';

const LAYERS = 3;
/** A layer may ask for what cannot be: another one is made then. More than that in a row is no accident. */
const ATTEMPTS = 40;
const IMPOSSIBLE = ['ENTRY_PARENT_INVALID', 'LINK_INVALID'];

const layerId = (number: number): string => String(number).padStart(64, 'a');

describe.each(DRIVER_NAMES)('any layer is given back byte for byte on %s, also below other layers', (driver) => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])('seed %d', async (seed) => {
    const random = seeded(seed);
    await using store = await openTestStore(driver);
    const tars: Buffer[] = [];
    for (let left = ATTEMPTS; left > 0 && tars.length < LAYERS; left -= 1) {
      const tar = randomLayer(random);
      const path = join(store.root, '..', 'layer.tar');
      writeFileSync(path, tar);
      const parent = tars.length === 0 ? '' : layerId(tars.length - 1);
      const code = await codeOf(store.graph.register({ id: layerId(tars.length), parent }, path));
      if (code === 'no error') tars.push(tar);
      else expect(IMPOSSIBLE).toContain(code);
      // After every attempt, because what is tried above must not change what is below.
      for (const [number, original] of tars.entries()) {
        expect((await exported(store, layerId(number))).equals(original), `layer ${number}`).toBe(true);
      }
    }
    expect(tars).toHaveLength(LAYERS);
  });
});

async function exported(store: TestStore, id: string): Promise<Buffer> {
  const to = join(store.root, '..', 'exported');
  await store.graph.exportLayer(id, profileFor({ compression: 'none' }), to);
  const bytes = readFileSync(to);
  rmSync(to);
  return bytes;
}
