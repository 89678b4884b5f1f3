import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isV1Root, openV1Root } from '../../../src/formats/docker-root/v1/open.ts';
import type { LegacyImage, SourceItem } from '../../../src/image/image-source.ts';
import { isPending } from '../../../src/image/pending-blob.ts';
import { type FormatLab, openFormatLab } from '../../support/format-context.ts';
import { GOLDEN, goldenMissing, listedAsGolden, unpackGoldenRoot } from '../../support/golden-root.ts';
import { openJobLab } from '../../support/job-lab.ts';
import { listTree } from '../../support/layer-lab.ts';
import { treeState } from '../../support/tree-state.ts';

const reason = goldenMissing();
if (reason !== null) console.log(`skipped: ${reason}`);

describe.runIf(reason === null)('docker-root: a data directory that Docker 0.11 wrote', () => {
  let root: string;
  let ids: string[];
  let before: string[];
  let lab: FormatLab;

  beforeAll(() => {
    ({ root, ids } = unpackGoldenRoot());
    before = treeState(root);
    lab = openFormatLab();
  });
  afterAll(async () => {
    expect(treeState(root)).toEqual(before);
    await lab.close();
    await rm(root, { recursive: true });
  });

  const read = async (ref: string | null = null): Promise<SourceItem[]> => {
    const items: SourceItem[] = [];
    for await (const item of (await openV1Root(root, ref, { container: null }, lab.context)).images()) items.push(item);
    return items;
  };

  test('the images, their names and chains', async () => {
    expect(await isV1Root(root)).toBe(true);
    const images = (await read()) as LegacyImage[];
    expect(images.map(({ kind, names, chain }) => [kind, names, chain.map(({ id }) => id)])).toEqual([
      ['legacy', ['acme/app:latest', 'acme/app:v2'], [ids[0], ids[1]]],
      ['legacy', ['acme/base:1.0'], [ids[0]]],
      ['legacy', ['localhost:5000/acme/side:nightly'], [ids[0], ids[2]]],
    ]);
    const app = images[0]!.chain;
    expect(app.map(({ json }) => json)).toEqual([0, 1].map((index) => readFileSync(join(GOLDEN, `json-${index}`))));
  });

  test.each([
    [0, 'base'],
    [1, 'child'],
    [2, 'side'],
  ])('layer %i lists what the original gave back', async (index, name) => {
    const [image] = (await read(ids[index]!)) as LegacyImage[];
    const { layer } = image!.chain.at(-1)!;
    if (!isPending(layer)) throw new Error('the layer is in no file yet');
    const to = join(lab.dir, name);
    const { path, size, digest } = await layer.obtain(to, {});
    expect(listedAsGolden(path)).toEqual(listedAsGolden(join(GOLDEN, `temp-${name}.tar`)));
    expect(size).toBe(readFileSync(to).length);
    expect(await layer.obtain(`${to}-again`, {})).toEqual({ path: `${to}-again`, size, digest });
  });

  test('imported, it is the same directory again', async () => {
    await using jobs = await openJobLab({ driver: 'vfs' });
    const imported = await jobs.import(await openV1Root(root, null, { container: null }, jobs.formats.context));
    expect(imported.map(({ error }) => error)).toEqual([null, null, null]);
    expect(await jobs.contents()).toEqual({
      [ids[0]!]: ['acme/base:1.0'],
      [ids[1]!]: ['acme/app:latest', 'acme/app:v2'],
      [ids[2]!]: ['localhost:5000/acme/side:nightly'],
    });
    for (const id of ids) {
      const file = (name: string): Buffer[] =>
        [root, jobs.store.root].map((store) => readFileSync(join(store, 'graph', id, name)));
      for (const name of ['json', 'layersize']) expect(file(name)[0]).toEqual(file(name)[1]);
      const [theirs, ours] = [root, jobs.store.root].map((store) => listTree(join(store, 'vfs/dir', id)).slice(1));
      expect(ours).toEqual(theirs);
    }
    expect(jobs.warnings).toEqual([]);
    expect(await jobs.leftovers()).toEqual([]);
  });
});
