import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { attachedTo } from '../../support/artifact-fixture.ts';
import {
  type FixtureDescriptor,
  fixtureImage,
  fixtureLayer,
  FixtureLayout,
  named,
  writeDirectory,
} from '../../support/image-fixture.ts';
import { batchOf, ofType, openRunLab, type RunLab } from '../../support/run-lab.ts';
import { ScriptedRegistry } from '../../support/scripted-registry.ts';

let registry: ScriptedRegistry;
let lab: RunLab;
beforeEach(async () => {
  registry = await ScriptedRegistry.open({ referrers: false });
  lab = openRunLab({ registry: { tlsVerify: false, noCreds: true, retryTimes: 0, env: {} } });
});
afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const layer = fixtureLayer({ 'etc/one': 'one' }, 'gzip');

/** A layout of an image and what refers to it. */
function writeSigned(count: number): { source: string; image: FixtureDescriptor; artifacts: FixtureDescriptor[] } {
  const made = new FixtureLayout();
  const image = made.image(fixtureImage([layer]));
  const artifacts = Array.from({ length: count }, (_unused, number) => attachedTo(made, image, `contents ${number}`));
  made.list([...artifacts, named(image, 'one:1')]);
  return { source: writeDirectory(join(lab.dir, 'in'), made.files), image, artifacts };
}

const has = ({ digest }: FixtureDescriptor): boolean => registry.manifests.has(`moved/one@${digest}`);

describe('what refers to an image of a batch', () => {
  it('is all in the list of a registry that keeps none', async () => {
    const { source, image, artifacts } = writeSigned(6);
    await lab.run(batchOf([`oci:${source}`], `docker://${registry.host}/moved/`, { referrers: true }));
    const list = registry.tags.get(`moved/one:${image.digest.replace(':', '-')}`)!;
    const { manifests } = JSON.parse(registry.manifests.get(`moved/one@${list}`)!.raw.toString()) as {
      manifests: { digest: string }[];
    };
    expect(manifests.map(({ digest }) => digest).toSorted()).toEqual(artifacts.map(({ digest }) => digest).toSorted());
  });

  it('is brought when the image is, which failed before', async () => {
    const { source, artifacts } = writeSigned(1);
    const blob = join(source, 'blobs/sha256', layer.digest.slice(7));
    writeFileSync(blob, Buffer.alloc(layer.stored.length));
    const batch = batchOf([`oci:${source}`], `docker://${registry.host}/moved/`, { referrers: true });
    const first = await lab.run(batch);
    expect(ofType(first, 'image-failed')).toHaveLength(2);
    expect(ofType(first, 'image-done')).toEqual([]);
    writeFileSync(blob, layer.stored);
    await lab.run(batch);
    expect(artifacts.map(has)).toEqual([true]);
  });

  it('is brought again with an image that the registry has lost', async () => {
    const { source, artifacts } = writeSigned(1);
    const batch = batchOf([`oci:${source}`], `docker://${registry.host}/moved/`, { referrers: true });
    await lab.run(batch);
    registry.tags.clear();
    registry.manifests.clear();
    await lab.run(batch);
    expect(artifacts.map(has)).toEqual([true]);
  });

  it('and the image are still done when somebody stops who looks at them', async () => {
    const { source } = writeSigned(1);
    const batch = batchOf([`oci:${source}`], `docker://${registry.host}/moved/`, { referrers: true });
    await lab.run(batch);
    registry.fail({ method: 'HEAD' }, { is: 'stall', after: 0 });
    await lab.run(batch, { stopAfter: ({ type }) => type === 'planned' });
    await using ledger = await lab.ledger();
    expect((await ledger.items('image')).map(({ state }) => state)).toEqual(['done', 'done']);
  });
});
