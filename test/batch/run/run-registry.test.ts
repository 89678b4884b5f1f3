import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BatchEvent } from '../../../src/batch/events.ts';
import {
  dockerArchiveFiles,
  fixtureImage,
  fixtureLayer,
  FixtureLayout,
  named,
  writeArchiveFile,
  writeDirectory,
} from '../../support/image-fixture.ts';
import { batchOf, ofType, openRunLab, type RunLab } from '../../support/run-lab.ts';
import { ScriptedRegistry } from '../../support/scripted-registry.ts';

let registry: ScriptedRegistry;
let lab: RunLab;
beforeEach(async () => {
  registry = await ScriptedRegistry.open();
  lab = openRunLab({ registry: { tlsVerify: false, noCreds: true, retryTimes: 0, env: {} } });
});
afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const base = fixtureLayer({ 'etc/base': 'base'.repeat(500) });

/** Archives of images that share a layer. */
function archives(count: number): string[] {
  return Array.from({ length: count }, (_unused, number) => {
    const own = fixtureLayer({ 'bin/app': `app ${number}` });
    const image = fixtureImage([base, own], { names: [`team/app-${number}:1`] });
    return writeArchiveFile(join(lab.dir, `${number}.tar`), dockerArchiveFiles([image]));
  });
}

const below = (): string => `docker://${registry.host}/moved/`;
const names = (events: readonly BatchEvent[]): string[] =>
  ofType(events, 'image-done')
    .filter(({ changed }) => changed)
    .flatMap((event) => [...event.names])
    .toSorted((a, b) => (a < b ? -1 : 1));

describe('a batch to a registry', () => {
  it('packs and sends each distinct layer once, and mounts it elsewhere', async () => {
    const events = await lab.run(batchOf(archives(4), below()));
    expect(names(events)).toEqual(['team/app-0:1', 'team/app-1:1', 'team/app-2:1', 'team/app-3:1']);
    expect([...registry.tags.keys()].toSorted()).toEqual([0, 1, 2, 3].map((number) => `moved/team/app-${number}:1`));
    expect(lab.ran.filter((task) => task === 'layer.archive')).toHaveLength(5);
    const packed = ofType(events, 'layer-done').find(({ digest }) => digest === base.digest)!.result;
    const sent = registry.requests('PUT', /digest=/).filter(({ url }) => decodeURIComponent(url).includes(packed));
    expect(sent).toHaveLength(1);
    expect(registry.requests('POST', new RegExp(`mount=${encodeURIComponent(packed)}`))).toHaveLength(3);
  });

  it('asks for each tag once when it is repeated, and for nothing when the ledger is trusted', async () => {
    const batch = batchOf(archives(20), below());
    await lab.run(batch);
    registry.seen.length = 0;
    const again = await lab.run(batch);
    expect(ofType(again, 'image-done').map(({ changed }) => changed)).toEqual(Array(20).fill(false));
    expect(registry.requests('HEAD', /\/manifests\//)).toHaveLength(20);
    expect(registry.seen.filter(({ url }) => url !== '/v2/')).toHaveLength(20);
    registry.seen.length = 0;
    await lab.run(batch, { trustLedger: true });
    expect(registry.seen).toEqual([]);
  });

  it('gives a tag again that leads elsewhere, and sends no layer for that', async () => {
    const batch = batchOf(archives(2), below());
    await lab.run(batch);
    registry.tags.set('moved/team/app-1:1', registry.tags.get('moved/team/app-0:1')!);
    registry.seen.length = 0;
    expect(names(await lab.run(batch))).toEqual(['team/app-1:1']);
    expect(registry.requests('PUT', /\/blobs\//)).toEqual([]);
    expect(registry.tags.get('moved/team/app-1:1')).not.toBe(registry.tags.get('moved/team/app-0:1'));
  });

  it('tries again what may pass, while the rest goes on', async () => {
    const batch = batchOf(archives(3), below());
    registry.fail({ method: 'PUT', path: /app-1\/manifests/ }, { is: 'status', status: 503 }, 1);
    const events = await lab.run(batch);
    expect(ofType(events, 'image-failed')).toMatchObject([
      { ref: 'team/app-1:1', attempt: 1, failure: { class: 'passing' }, retryInMs: expect.any(Number) },
    ]);
    expect(names(events)).toHaveLength(3);
    expect(ofType(events, 'finished')[0]).toMatchObject({ outcome: 'done' });
  });

  it('tries as often as an entry says, whatever holds for the others', async () => {
    const batch = batchOf(archives(2), below());
    const [first, second] = batch.entries;
    registry.fail({ method: 'PUT', path: /manifests/ }, { is: 'status', status: 503 }, 2);
    const events = await lab.run({ ...batch, entries: [{ ...first!, limits: { retries: 0 } }, second!] });
    const failed = ofType(events, 'image-failed').map(({ ref, retryInMs }) => `${ref} ${retryInMs === null}`);
    expect(failed.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(['team/app-0:1 true', 'team/app-1:1 false']);
    expect(names(events)).toEqual(['team/app-1:1']);
  });

  it('brings indexes with their images, from a registry too, and reads none of it again when nothing has changed', async () => {
    const layout = new FixtureLayout();
    const members = ['amd64', 'arm64'].map((architecture) => ({
      ...layout.image(fixtureImage([base], { config: { architecture } })),
      platform: { os: 'linux', architecture },
    }));
    const index = layout.index(members);
    writeDirectory(join(lab.dir, 'in'), layout.list([named(index, 'team/multi:1')]).files);
    await lab.run(batchOf([`oci:${join(lab.dir, 'in')}`], below()));
    expect(registry.tags.get('moved/team/multi:1')).toBe(index.digest);
    const onwards = batchOf([`docker://${registry.host}/moved/team/multi:1`], `oci:${join(lab.dir, 'out')}`);
    const events = await lab.run(onwards);
    expect(ofType(events, 'image-done').map(({ kind, equality }) => `${kind} ${equality}`)).toEqual([
      'image identical',
      'image identical',
      'index identical',
    ]);
    registry.seen.length = 0;
    await lab.run(onwards);
    expect(registry.seen.filter(({ url }) => url !== '/v2/').map(({ method }) => method)).toEqual(['HEAD']);
  });
});
