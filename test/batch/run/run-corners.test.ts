import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BatchEvent } from '../../../src/batch/events.ts';
import { migrateWith } from '../../../src/batch/run/migrate-with.ts';
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

it.each(['oci', 'docker-archive'])(
  'goes on with what is unfinished when the batch was changed: %s',
  async (transport) => {
    const batch = batchOf(archives(), `${transport}:${join(lab.dir, 'out')}`);
    await lab.run(batch, { stopAfter: ({ type }) => type === 'layer-done' });
    const events = await lab.run({ ...batch, limits: { retries: 5 } });
    expect(outcomeOf(events)).toBe('done');
    expect(
      readdirSync(lab.dir, { recursive: true, encoding: 'utf8' }).filter((name) => /\.layermill/.test(name)),
    ).toEqual([]);
  },
);

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

describe('a batch that fails', () => {
  it('says so when a layer stops it', async () => {
    const sources = archives();
    const bad = readFileSync(sources[0]!);
    // A byte in the middle of the first layer.
    const at = bad.indexOf('basebasebase');
    bad[at] = 0;
    writeFileSync(sources[0]!, bad);
    const batch = batchOf(sources.slice(0, 1), `oci:${join(lab.dir, 'out')}`);
    const events = await lab.run({ ...batch, limits: { retries: 0, abortOnError: true } });
    expect(ofType(events, 'image-failed')).toHaveLength(1);
    expect(outcomeOf(events)).toBe('failed');
  });

  it('says so when a destination cannot be finished', async () => {
    const stopAt = join(lab.dir, 'out.tar');
    let isBlocked = false;
    const events = await lab.run(batchOf(archives().slice(0, 1), `docker-archive:${stopAt}`), {
      stopAfter: (event) => {
        // What is to be a file becomes a directory meanwhile.
        if (event.type === 'layer-started' && !isBlocked) mkdirSync(join(stopAt, 'x'), { recursive: true });
        isBlocked ||= event.type === 'layer-started';
        return false;
      },
    });
    expect(ofType(events, 'image-failed').map(({ ref }) => ref)).toEqual([null]);
    expect(outcomeOf(events)).toBe('failed');
  });

  it('leaves nothing behind where planning is broken off', async () => {
    const events = lab.run(batchOf(archives(), `oci:${join(lab.dir, 'out-{path}')}`), { stopAfter: () => true });
    await events;
    expect(readdirSync(lab.dir).filter((name) => name.startsWith('out'))).toEqual([]);
  });

  it('tells of an image that is broken what is wrong with it, wherever it was to go', async () => {
    const layout = new FixtureLayout();
    const good = named(layout.image({ ...images[0]!, names: [] }), 'app/good:1');
    const broken = { ...named(layout.image({ ...images[1]!, names: [] }), 'app/bad:1') };
    layout.list([good, broken]);
    const source = writeDirectory(join(lab.dir, 'in'), layout.files);
    rmSync(join(source, 'blobs/sha256', broken.digest.slice(7)));
    const events = await lab.run(batchOf([`oci:${source}`], `oci:${join(lab.dir, 'out/{path}')}`));
    expect(ofType(events, 'image-failed').map(({ failure }) => failure.code)).toEqual(['BLOB_MISSING']);
    const filtered = await lab.run(
      batchOf([`oci:${source}`], `oci:${join(lab.dir, 'other')}`, { filter: { allow: ['1'] } }),
    );
    expect(ofType(filtered, 'image-failed').map(({ failure }) => failure.code)).toEqual(['BLOB_MISSING']);
  });
});

it('the end of a destination waits for the disk once', async () => {
  await using ledger = await lab.ledger();
  const notes: string[] = [];
  const slow = new Proxy(ledger, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key, target);
      if (key === 'note')
        return (note: string) => (note === 'resume' ? undefined : (notes.push(note), new Promise(() => {})));
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const events: BatchEvent[] = [];
  const batch = batchOf(archives(), `oci:${join(lab.dir, 'out')}`);
  for await (const event of migrateWith(batch, { tools: lab.tools, ledger: slow })) events.push(event);
  expect(outcomeOf(events)).toBe('done');
  expect(notes).toEqual([`destination oci:${join(lab.dir, 'out')}`]);
});
