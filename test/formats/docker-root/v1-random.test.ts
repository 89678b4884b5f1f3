import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openV1Root } from '../../../src/formats/docker-root/v1/open.ts';
import { openFormatLab } from '../../support/format-context.ts';
import { v1Id } from '../../support/image-fixture.ts';
import { openJobLab } from '../../support/job-lab.ts';
import { contents } from '../../support/layer-lab.ts';
import { type Random, seeded } from '../../support/random.ts';
import { type V1DriverName, type V1Layer, V1RootWriter } from '../../support/v1-root.ts';

const IDS = ['1', '2', '3', '4'].map(v1Id);
const DRIVERS: V1DriverName[] = ['btrfs', 'aufs', 'overlay'];

/** Changes to a tree that has `present`, which is brought up to date: files that come and go, whole directories that go. */
function randomLayer(random: Random, present: Set<string>): V1Layer {
  const layer = { files: {} as Record<string, string>, removed: [] as string[] };
  for (let left = random.below(4); left > 0 && present.size > 0; left -= 1) {
    const path = random.pick([...present]);
    const gone = random.chance(0.4) ? path.slice(0, path.indexOf('/')) : path;
    if (layer.removed.some((other) => other === gone || other.startsWith(`${gone}/`) || gone.startsWith(`${other}/`)))
      continue;
    layer.removed.push(gone);
    for (const other of present) if (other === gone || other.startsWith(`${gone}/`)) present.delete(other);
  }
  for (let left = random.below(6); left > 0; left -= 1) {
    const path = `d${random.below(4)}/${random.pick(['', 'sub/'])}f${random.below(4)}`;
    if (layer.removed.some((gone) => path === gone || path.startsWith(`${gone}/`))) continue;
    layer.files[path] = random.bytes(1 + random.below(2)).toString('hex');
    present.add(path);
  }
  return layer;
}

/** Every second image has what 1.8 kept of its tar: one way to the bytes stands on the other. */
test.each([1, 2, 3, 4, 5, 6])('whatever the driver, the tree is the same (seed %i)', async (seed) => {
  await using lab = openFormatLab();
  const random = seeded(seed);
  const present = new Set<string>();
  const layers = IDS.map(() => randomLayer(random, present));
  const truth = new V1RootWriter(join(lab.dir, 'truth'), 'vfs');
  for (const driver of DRIVERS) {
    const root = join(lab.dir, driver);
    const writer = new V1RootWriter(root, driver);
    for (const [index, layer] of layers.entries()) {
      const parent = index === 0 ? {} : { parent: IDS[index - 1]! };
      writer.image({ id: IDS[index]!, ...parent, ...layer, split: index % 2 === 1 });
      if (driver === DRIVERS[0]) truth.image({ id: IDS[index]!, ...parent, ...layer });
    }
    await using jobs = await openJobLab({ driver: 'vfs' });
    const [result] = await jobs.import(await openV1Root(root, null, { container: null }, jobs.formats.context));
    expect(result, driver).toMatchObject({ error: null, layers: IDS.length });
    expect(jobs.warnings, driver).toEqual([]);
    for (const id of IDS) {
      const tree = contents(join(jobs.store.root, 'vfs/dir', id));
      expect(tree, `${driver} ${id}`).toEqual(contents(truth.place(id)));
    }
  }
});
