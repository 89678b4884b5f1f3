import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCopy } from '../../src/coordinator/jobs/run-copy.ts';
import type { CopiedImage, CopyJob, CopySource } from '../../src/coordinator/jobs/copy.ts';
import type { ImageSink } from '../../src/image/image-sink.ts';
import type { ModernImage } from '../../src/image/image-source.ts';
import { Budget } from '../../src/streams/byte-budget.ts';
import { SpoolBudget } from '../../src/streams/spool-budget.ts';
import { type FormatLab, openFormatLab } from '../support/format-context.ts';
import { type FixtureLayer, fixtureImage, fixtureLayer, MEDIA } from '../support/image-fixture.ts';

const good = fixtureLayer({ good: 'good' }, 'gzip');
const bad = fixtureLayer({ bad: 'bad' }, 'gzip');

let lab: FormatLab;
let seen: string[];
let warnings: string[];
let closeSource: () => Promise<void>;
beforeEach(() => {
  lab = openFormatLab();
  [seen, warnings] = [[], []];
  closeSource = () => Promise.resolve(void seen.push('source closed'));
});
afterEach(() => lab.close());

/** Takes its time for every blob, and tells when somebody closes it before it is done. */
function slowSink(): ImageSink {
  return {
    transport: 'test',
    location: 'there',
    defaultCompression: 'keep',
    keepsManifests: true,
    hasBlob: () => Promise.resolve(false),
    putBlob: async (digest) => {
      if (digest === bad.digest) throw new Error('no room');
      seen.push('blob begun');
      await delay(30);
      seen.push('blob done');
    },
    putImage: () => Promise.resolve({ manifest: null }),
    putIndex: () => Promise.resolve(),
    commit: () => Promise.resolve(),
    close: () => Promise.resolve(void seen.push('sink closed')),
  };
}

function imageOf(layers: FixtureLayer[]): ModernImage {
  const { config, configDigest } = fixtureImage(layers);
  return {
    kind: 'modern',
    ref: 'image',
    names: [],
    config,
    configDigest,
    platform: null,
    layers: layers.map(({ diffId, digest, stored }) => ({
      diffId,
      mediaType: `${MEDIA.layer}+gzip`,
      blob: { path: '/nowhere', digest, size: stored.length },
    })),
    manifest: null,
    warnings: [],
  };
}

/** The image in a manifest that says something else of the size of its layers. */
function withSize(image: ModernImage, size: number): ModernImage {
  return {
    ...image,
    ref: 'other size',
    layers: image.layers.map((layer) => ({ ...layer, blob: { ...layer.blob, size } })),
  };
}

function sourceOf(image: ModernImage): CopySource {
  return {
    location: 'here',
    open: async () => ({
      transport: 'test',
      location: 'here',
      images: async function* () {
        yield await Promise.resolve(image);
      },
      close: () => closeSource(),
    }),
  };
}

function run(sources: CopySource[], signal = new AbortController().signal): Promise<CopiedImage[]> {
  const { pool, limits } = lab.context;
  const tools = { pool, limits, images: new Budget(4), spool: new SpoolBudget(1024 ** 2), tempDir: lab.tempDir };
  const job: CopyJob = { type: 'copy', sources, sink: slowSink() };
  return runCopy(tools, job, {
    signal,
    report: () => {},
    expect: () => {},
    warn: (message) => void warnings.push(message),
  });
}

describe('a copy that fails', () => {
  it('ends when nothing of it is under way any more', async () => {
    const [result] = await run([sourceOf(imageOf([good, bad]))]);
    expect(result!.error).not.toBeNull();
    expect(seen).toEqual(['blob begun', 'blob done', 'source closed', 'sink closed']);
  });

  it('and one that is broken off leave no source open, and no work behind them', async () => {
    const stop = new AbortController();
    const first = sourceOf(imageOf([good]));
    const second: CopySource = { location: 'never', open: () => Promise.reject(new Error('opened all the same')) };
    const opening = { ...first, open: (signal: AbortSignal) => (stop.abort(), first.open(signal)) };
    await expect(run([first, opening, second], stop.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(seen).toEqual(['blob begun', 'blob done', 'source closed', 'source closed', 'sink closed']);
  });

  it('is no failure when all that fails is to close a source', async () => {
    closeSource = () => Promise.reject(new Error('stuck'));
    const [result] = await run([sourceOf(imageOf([good]))]);
    expect(result!.error).toBeNull();
    expect(warnings).toEqual(['here could not be closed: stuck']);
  });
});

describe('a manifest', () => {
  it('that is wrong about the size of a blob is not believed because another one is right', async () => {
    const image = imageOf([good]);
    const [right, wrong] = await run([sourceOf(image), sourceOf(withSize(image, 5))]);
    expect(right!.error).toBeNull();
    expect(wrong!.error).toMatchObject({ code: 'SIZE_MISMATCH' });
  });
});
