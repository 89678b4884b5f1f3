import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BatchEvent } from '../../../src/batch/events.ts';
import { sha256 } from '../../support/packed.ts';
import type { FixtureImage } from '../../support/image-fixture.ts';
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

let lab: RunLab;
beforeEach(() => void (lab = openRunLab()));
afterEach(() => lab[Symbol.asyncDispose]());

const base = fixtureLayer({ 'etc/base': 'base'.repeat(500) });
const images = ['one', 'two', 'three'].map((name) =>
  fixtureImage([base, fixtureLayer({ [`bin/${name}`]: name.repeat(100) })], { names: [`app/${name}:1`] }),
);

function archives(list: readonly FixtureImage[] = images): string[] {
  return list.map((image, at) => writeArchiveFile(join(lab.dir, `${at}.tar`), dockerArchiveFiles([image])));
}

function at(name: string): string {
  return join(lab.dir, name);
}

/** Every file below a directory, and what is in it. */
function filesOf(dir: string): Map<string, string> {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8', withFileTypes: true });
  return new Map(
    names
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted()
      .map((path) => [path.slice(dir.length), sha256(readFileSync(path))]),
  );
}

/** Names of the images that a run has brought. */
function namesOf(events: readonly BatchEvent[]): string[] {
  const brought = ofType(events, 'image-done').filter(({ changed }) => changed);
  return brought.map(({ names }) => names[0] ?? '').toSorted((a, b) => (a < b ? -1 : 1));
}

describe('a batch', () => {
  it('reads nothing where nothing could be listed', async () => {
    const { entries, limits } = batchOf(archives(), `oci:${at('out')}`);
    const source = { type: 'pattern' as const, location: at('*.zip') };
    const events = await lab.run({ entries: [...entries, { source, target: `oci:${at('out')}` }], limits });
    expect(ofType(events, 'image-failed').map(({ failure }) => [failure.code, failure.message])).toEqual([
      ['FILE_NOT_FOUND', `${JSON.stringify(at('*.zip'))} fits no file; check it with ls`],
    ]);
    expect(ofType(events, 'finished')[0]).toMatchObject({ progress: { images: { done: 3, failed: 1 } } });
  });

  it('packs each distinct layer once, and lists images in the order of the plan', async () => {
    const sources = archives().toReversed();
    const events = await lab.run(batchOf(sources, `oci:${at('out')}`, { packing: { compression: 'gzip' } }));
    expect(ofType(events, 'planned')[0]!.totals).toMatchObject({ images: 3, layers: 6, distinctLayers: 4 });
    expect(ofType(events, 'layer-done')).toHaveLength(4);
    expect(lab.ran.filter((task) => task === 'layer.archive')).toHaveLength(4);
    expect(ofType(events, 'image-done').map(({ equality }) => equality)).toEqual(['manifest', 'manifest', 'manifest']);
    const index = JSON.parse(readFileSync(at('out/index.json'), 'utf8')) as { manifests: { annotations: object }[] };
    expect(index.manifests.map(({ annotations }) => Object.values(annotations)[1])).toEqual([
      'app/three:1',
      'app/two:1',
      'app/one:1',
    ]);
    expect(ofType(events, 'finished')[0]).toMatchObject({
      outcome: 'done',
      progress: { images: { done: 3, failed: 0, total: 3 } },
    });
  });

  it('that is done is left alone', async () => {
    const batch = batchOf(archives(), `oci:${at('out')}`, { packing: { compression: 'zstd' } });
    await lab.run(batch);
    const before = filesOf(at('out'));
    lab.ran.length = 0;
    for (const trustLedger of [false, true]) {
      const events = await lab.run(batch, { trustLedger });
      expect(ofType(events, 'image-done').map(({ changed }) => changed)).toEqual([false, false, false]);
      expect(ofType(events, 'layer-started')).toEqual([]);
    }
    expect(lab.ran).toEqual([]);
    expect(filesOf(at('out'))).toEqual(before);
  });

  it.each(['oci', 'oci-archive', 'docker-archive'])('that is broken off is gone on with: %s', async (transport) => {
    const sources = archives();
    const packing = { compression: 'gzip' as const };
    await using undisturbed = openRunLab();
    await undisturbed.run(batchOf(sources, `${transport}:${join(undisturbed.dir, 'out')}`, { packing }));
    const batch = batchOf(sources, `${transport}:${at('out')}`, { packing });
    let rounds = 0;
    for (let isWhole = false; !isWhole; rounds++) {
      let settled = 0;
      const stopAfter = (event: BatchEvent): boolean =>
        (event.type === 'layer-done' || (event.type === 'image-done' && event.changed)) && ++settled > rounds % 3;
      const events = await lab.run(batch, { stopAfter });
      isWhole = ofType(events, 'finished').length > 0;
    }
    expect(rounds).toBeGreaterThan(1);
    // No task was stopped here, so that each layer was packed once.
    expect(lab.ran.filter((task) => task === 'layer.archive')).toHaveLength(4);
    const [found, wanted] = [at('out'), join(undisturbed.dir, 'out')];
    if (transport === 'oci') expect(filesOf(found)).toEqual(filesOf(wanted));
    else expect(readFileSync(found)).toEqual(readFileSync(wanted));
    expect(readdirSync(lab.dir).filter((name) => name.startsWith('.layermill'))).toEqual([]);
  });

  it('goes on after a failure, and takes up what failed when it is run again', async () => {
    const sources = archives();
    const whole = readFileSync(sources[1]!);
    truncateSync(sources[1]!, 2000);
    const batch = batchOf(sources, `oci:${at('out')}`);
    const events = await lab.run(batch);
    expect(namesOf(events)).toEqual(['app/one:1', 'app/three:1']);
    expect(ofType(events, 'image-failed')).toMatchObject([{ source: sources[1], failure: { class: 'permanent' } }]);
    expect(ofType(events, 'finished')[0]).toMatchObject({ outcome: 'failed' });
    writeFileSync(sources[1]!, whole);
    const again = await lab.run(batch);
    expect(namesOf(again)).toEqual(['app/two:1']);
    expect(ofType(again, 'finished')[0]).toMatchObject({ outcome: 'done' });
  });

  it('reads a source again that has changed, and nothing else', async () => {
    const sources = archives();
    const batch = batchOf(sources, `oci:${at('out')}`);
    await lab.run(batch);
    const other = fixtureImage([base, fixtureLayer({ 'bin/two': 'anew' })], { names: ['app/two:1'] });
    writeArchiveFile(sources[1]!, dockerArchiveFiles([other]));
    const events = await lab.run(batch);
    expect(namesOf(events)).toEqual(['app/two:1']);
    const index = readFileSync(at('out/index.json'), 'utf8');
    expect(index.match(/app\/two:1/g)).toHaveLength(2);
    expect(ofType(events, 'layer-started')).toHaveLength(1);
  });

  it('mends what a destination has lost', async () => {
    const batch = batchOf(archives(), `oci:${at('out')}`, { packing: { compression: 'gzip' } });
    await lab.run(batch);
    const before = filesOf(at('out'));
    const index = readFileSync(at('out/index.json'), 'utf8');
    writeFileSync(at('out/index.json'), index.replaceAll('app/two:1', 'app/other:1'));
    await lab.run(batch);
    expect(readFileSync(at('out/index.json'), 'utf8')).toContain('"app/two:1"');
    rmSync(at('out'), { recursive: true });
    await lab.run(batch);
    expect(filesOf(at('out'))).toEqual(before);
  });

  it('goes on in a layout whose first commit was broken off', async () => {
    const batch = batchOf(archives(), `oci:${at('out')}`);
    await lab.run(batch);
    const before = filesOf(at('out'));
    // A process that died before index.json was written.
    rmSync(at('out/index.json'));
    await lab.run(batch);
    expect(filesOf(at('out'))).toEqual(before);
  });

  it('refuses two images for one name, and brings the first', async () => {
    const same = images.slice(0, 2).map((image) => ({ ...image, names: ['app:1'] }));
    const events = await lab.run(batchOf(archives(same), `oci:${at('out')}`));
    expect(ofType(events, 'image-done')).toHaveLength(1);
    expect(ofType(events, 'image-failed')).toMatchObject([{ failure: { code: 'INVALID_ARGUMENT' } }]);
  });

  it('brings each image to its own place by a template', async () => {
    const events = await lab.run(batchOf(archives(), `docker-archive:${at('{path}-{tag}.tar')}`));
    expect(ofType(events, 'destination-done')).toHaveLength(3);
    expect(readdirSync(lab.dir).filter((name) => name.startsWith('app_'))).toEqual([
      'app_one-1.tar',
      'app_three-1.tar',
      'app_two-1.tar',
    ]);
  });

  it('brings an index after its images, and again when one of those is gone', async () => {
    const layout = new FixtureLayout();
    const members = images.slice(0, 2).map((image) => layout.image({ ...image, names: [] }));
    layout.list([named(layout.index(members), 'multi:1')]);
    const source = writeDirectory(at('in'), layout.files);
    const batch = batchOf([`oci:${source}`], `oci:${at('out')}`);
    const events = await lab.run(batch);
    expect(ofType(events, 'image-done').map(({ kind, equality }) => [kind, equality])).toEqual([
      ['image', 'identical'],
      ['image', 'identical'],
      ['index', 'identical'],
    ]);
    const before = filesOf(at('out'));
    expect(readFileSync(at('out/index.json'), 'utf8').match(/"digest"/g)).toHaveLength(1);
    writeFileSync(at('out/index.json'), '{"schemaVersion":2,"manifests":[]}');
    await lab.run(batch);
    expect(filesOf(at('out'))).toEqual(before);
    const asOne = await lab.run(batchOf([`oci:${source}`], `oci:${at('named')}:v1`));
    expect(ofType(asOne, 'image-failed')).toEqual([]);
    expect(
      readFileSync(at('named/index.json'), 'utf8').match(/"org.opencontainers.image.ref.name":"v1"/g),
    ).toHaveLength(1);
  });
});
