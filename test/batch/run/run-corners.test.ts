import { readFileSync, rmSync, writeFileSync } from 'node:fs';
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

let lab: RunLab;
beforeEach(() => void (lab = openRunLab()));
afterEach(() => lab[Symbol.asyncDispose]());

const base = fixtureLayer({ 'etc/base': 'base'.repeat(500) });
const images = ['one', 'two', 'three'].map((name) =>
  fixtureImage([base, fixtureLayer({ [`bin/${name}`]: name.repeat(100) })], { names: [`app/${name}:1`] }),
);

function archives(): string[] {
  return images.map((image, at) => writeArchiveFile(join(lab.dir, `${at}.tar`), dockerArchiveFiles([image])));
}

function refNamesIn(layout: string): string[] {
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
    manifests: { annotations?: Record<string, string> }[];
  };
  return manifests.map(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] ?? '');
}

function outcomeOf(events: readonly BatchEvent[]): string | undefined {
  return ofType(events, 'finished')[0]?.outcome;
}

describe('a batch whose sources change', () => {
  it('keeps the layers that an unchanged source shares with one that has none of them any more', async () => {
    const sources = archives();
    const batch = batchOf(sources, `oci:${join(lab.dir, 'out')}`);
    await lab.run(batch);
    const other = fixtureImage([fixtureLayer({ alone: 'alone' })], { names: ['app/one:1'] });
    writeArchiveFile(sources[0]!, dockerArchiveFiles([other]));
    const events = await lab.run(batch);
    expect(outcomeOf(events)).toBe('done');
    expect(ofType(events, 'image-done').filter(({ changed }) => changed)).toHaveLength(1);
    rmSync(join(lab.dir, 'out'), { recursive: true });
    expect(outcomeOf(await lab.run(batch))).toBe('done');
    expect(refNamesIn(join(lab.dir, 'out'))).toHaveLength(3);
  });

  it('numbers nothing twice when one of them is read again', async () => {
    const sources = archives();
    const batch = {
      ...batchOf([], ''),
      entries: sources.map((location) => ({
        source: { type: 'location' as const, location },
        target: `oci:${join(lab.dir, 'out-{n}')}`,
      })),
    };
    await lab.run(batch);
    const other = fixtureImage([base, fixtureLayer({ 'bin/three': 'anew' })], { names: ['app/three:1'] });
    writeArchiveFile(sources[2]!, dockerArchiveFiles([other]));
    expect(ofType(await lab.run(batch), 'image-done').map(({ destination }) => destination)).toEqual(
      [1, 2, 3].map((n) => `oci:${join(lab.dir, `out-${n}`)}`),
    );
  });

  it('reads what could not be read, also when the ledger is trusted', async () => {
    const sources = archives();
    const whole = readFileSync(sources[1]!);
    rmSync(sources[1]!);
    const batch = batchOf(sources, `oci:${join(lab.dir, 'out')}`);
    expect(outcomeOf(await lab.run(batch))).toBe('failed');
    writeFileSync(sources[1]!, whole);
    expect(outcomeOf(await lab.run(batch, { trustLedger: true }))).toBe('done');
  });
});

describe('a batch with several images for one place', () => {
  it('gives images of one layout the names that a template says', async () => {
    const events = await lab.run(batchOf(archives(), `oci:${join(lab.dir, 'out')}:{path}-{tag}`));
    expect(ofType(events, 'image-failed')).toEqual([]);
    expect(refNamesIn(join(lab.dir, 'out')).toSorted()).toEqual(['app_one-1', 'app_three-1', 'app_two-1']);
    const again = await lab.run(batchOf(archives(), `oci:${join(lab.dir, 'out')}:{path}-{tag}`));
    expect(ofType(again, 'image-done')).toHaveLength(3);
  });

  it('puts all images of one archive in it that a template names', async () => {
    const events = await lab.run(batchOf(archives(), `docker-archive:${join(lab.dir, 'out.tar')}:new/{path}:{tag}`));
    expect(outcomeOf(events)).toBe('done');
    const events2 = await lab.run(batchOf([`docker-archive:${join(lab.dir, 'out.tar')}`], `oci:${join(lab.dir, 'b')}`));
    expect(ofType(events2, 'image-done').map(({ names }) => names[0])).toEqual(
      expect.arrayContaining(['new/app_one:1', 'new/app_two:1', 'new/app_three:1']),
    );
  });

  it('takes two ways to write a path for one place', async () => {
    const sources = archives();
    const [first, ...others] = sources;
    const batch = batchOf([first!], `oci:${join(lab.dir, 'out')}`);
    const rest = batchOf(others, `oci:${lab.dir}/./out/`);
    const events = await lab.run({ ...batch, entries: [...batch.entries, ...rest.entries] });
    expect(ofType(events, 'destination-done')).toHaveLength(1);
    expect(refNamesIn(join(lab.dir, 'out'))).toHaveLength(3);
  });

  it('lists the same image once that two sources give', async () => {
    const layout = new FixtureLayout();
    layout.list([named(layout.image({ ...images[0]!, names: [] }), 'multi:1')]);
    const sources = ['a', 'b'].map((name) => `oci:${writeDirectory(join(lab.dir, name), layout.files)}`);
    await lab.run(batchOf(sources, `oci:${join(lab.dir, 'out')}`));
    expect(refNamesIn(join(lab.dir, 'out'))).toHaveLength(1);
  });

  it('refuses the standard output', async () => {
    await expect(lab.run(batchOf(archives(), 'docker-archive:-'))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
