import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asEngineError } from '../../src/errors/wire.ts';
import { chainIds } from '../../src/identity/digest.ts';
import { openSource } from '../../src/formats/transports.ts';
import type { ModernImage, SourceItem } from '../../src/image/image-source.ts';
import {
  BROKEN_LAYOUTS,
  CORPUS_COUNTS,
  corpusImage,
  corpusPaths,
  expectedRows,
  isImageRow,
  present,
  REFUSED,
} from '../support/corpus.ts';
import { type FormatLab, openFormatLab, readAll } from '../support/format-context.ts';
import { inFile } from '../support/in-file.ts';

if (!present) console.log('skipped: the corpus of real images is not here');

const rows = expectedRows();
const images = rows.filter((row) => isImageRow(row) && !REFUSED.has(row.path));
const artifacts = rows.filter((row) => !isImageRow(row));

let lab: FormatLab;
beforeAll(() => {
  lab = openFormatLab();
});
afterAll(() => lab.close());

async function read(path: string): Promise<SourceItem[]> {
  const { items } = await readAll(corpusImage(path, lab.dir), lab.context);
  expect(readdirSync(lab.tempDir)).toEqual([]);
  return items;
}

/** What reading ends with, image by image. */
async function outcomes(path: string): Promise<string[]> {
  try {
    const items = await read(path);
    return items.flatMap((item) => {
      if (item.kind === 'index') return [];
      return [item.kind === 'broken' ? item.error.code : item.kind];
    });
  } catch (error) {
    return [asEngineError(error).code];
  }
}

describe.runIf(present)('an image of the corpus', () => {
  it.each(images.map((row) => [row.path, row] as const))('%s is what its row says', async (path, row) => {
    const found = (await read(path)).filter(
      (item): item is ModernImage => item.kind === 'modern' && item.configDigest === row.config_digest,
    );
    expect(found.length).toBeGreaterThan(0);
    const diffIds = found[0]!.layers.map(({ diffId }) => diffId);
    expect(diffIds).toEqual(row.diff_ids);
    expect(chainIds(diffIds)).toEqual(row.chain_ids);
    const { platform } = found[0]!;
    expect([platform?.os ?? '', platform?.architecture ?? '', platform?.variant ?? null]).toEqual([
      row.os,
      row.architecture,
      row.variant,
    ]);
  });

  it.each(images.map((row) => row.path))('%s has layers that are what its config says', async (path) => {
    await withImages(path, async ({ layers }) => {
      for (const { diffId, blob } of layers) {
        const input = {
          source: { from: 'blob', blob: inFile(blob) },
          expected: { diffId },
          limits: lab.context.limits,
        } as const;
        expect((await lab.context.pool.run('layer.digest', input)).diffId).toBe(diffId);
      }
    });
  });

  it.each([...REFUSED].map(([path, { code, why }]) => [path, code, why] as const))(
    '%s is refused: %s, for %s',
    async (path, code) => {
      expect(await outcomes(path)).toEqual([code]);
    },
  );

  it.each(artifacts.map((row) => row.path))('%s is none', async (path) => {
    expect(await outcomes(path)).toEqual(['NOT_AN_IMAGE']);
  });

  it('is in one of these lists', () => {
    const found = { images: images.length, artifacts: artifacts.length, refused: REFUSED.size };
    expect(CORPUS_COUNTS).toMatchObject(found);
    expect(rows).toHaveLength(images.length + artifacts.length + REFUSED.size);
  });
});

/** Ranges of layers are only good while the source is open. */
async function withImages(path: string, use: (image: ModernImage) => Promise<void>): Promise<void> {
  const source = await openSource(corpusImage(path, lab.dir), lab.context);
  try {
    for await (const item of source.images()) if (item.kind === 'modern') await use(item);
  } finally {
    await source.close();
  }
}

describe.runIf(present)('what is broken or hostile in the corpus', () => {
  const broken = corpusPaths((category) => category.endsWith('-broken'));

  it.each(broken)('%s ends with its code', async (path) => {
    expect(await outcomes(path)).toEqual(BROKEN_LAYOUTS[path]);
  });

  it('is all in the table', () => {
    expect(broken.toSorted()).toEqual(Object.keys(BROKEN_LAYOUTS).toSorted());
  });

  const hostile = corpusPaths((category) => category === 'hostile' || category === 'rootfs-tar');

  it.each(hostile)('%s is no image', async (path) => {
    expect(await outcomes(path)).toEqual(['NOT_AN_IMAGE']);
  });

  it.each(corpusPaths((category) => category === 'tar-edge-case' || category === 'compression'))(
    '%s is no image, and no bug of ours shows',
    async (path) => {
      const [code] = await outcomes(path);
      expect(code).toMatch(
        /^(NOT_AN_IMAGE|TAR_INVALID|TAR_TRUNCATED|COMPRESSION_INVALID|UNSUPPORTED_COMPRESSION|LIMIT_EXCEEDED)$/,
      );
    },
  );

  it('is not less than it was', () => {
    expect(hostile).toHaveLength(18);
  });
});
