import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { decompress } from 'zstd-napi';
import { describe, expect, test } from 'vitest';
import { profileFor } from '../src/compression/codecs.ts';
import type { OutputCompression } from '../src/compression/codec.ts';
import { DRIVER_NAMES } from '../src/drivers/registry.ts';
import { asEngineError } from '../src/errors/wire.ts';
import { openSystem } from '../src/system/select.ts';
import {
  BROKEN_LAYOUTS,
  CORPUS_COUNTS,
  corpusFile,
  corpusImage,
  corpusPaths,
  type ExpectedRow,
  expectedRows,
  isImageRow,
  NAMES_APART_ON_OVERLAY,
  present,
  REFUSED,
} from './support/corpus.ts';
import { type Compared, expectedTree, takesXattrs, treeOf } from './support/corpus-tree.ts';
import { type JobLab, openJobLab } from './support/job-lab.ts';
import { openTestStore, type TestStore } from './support/test-store.ts';
import { viewTree } from '../src/driver-suite/view-tree.ts';

/** Real images of public projects, imported into stores with every driver, and what umoci made of them. */
if (!present) console.log('skipped: the corpus is not here');

const system = openSystem();
const rows = expectedRows();
const artifacts = rows.filter((row) => !isImageRow(row));
const images = rows.filter((row) => isImageRow(row) && !REFUSED.has(row.path));

/** An ordinary user cannot give files away, so owners are root's to compare. */
const compared: Compared = { owners: process.geteuid?.() === 0, xattrs: takesXattrs(system) };
if (present && !compared.xattrs)
  console.log('left out: extended attributes, which the temporary directory does not take');

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

describe.runIf(present)('an image of the corpus', () => {
  const done = { images: 0, layers: 0, trees: 0 };

  test.each(images.map((row) => [row.path, row] as const))('%s', async (path, row) => {
    const views: string[][] = [];
    for (const driver of DRIVER_NAMES) views.push(await checkedView(driver, row));
    const apart = NAMES_APART_ON_OVERLAY.has(path);
    const [first, ...others] = apart ? views.map(withoutLinks) : views;
    for (const other of others) expect(other).toEqual(first);
    if (apart) expect(views[1]).not.toEqual(views[0]);
    done.images += 1;
    done.layers += row.diff_ids!.length;
    if (row.tree) done.trees += 1;
  });

  test('was imported for every row, and every tree compared', () => {
    const { images: all, layers, trees } = CORPUS_COUNTS;
    expect(done).toEqual({ images: all, layers, trees });
  });
});

/** Imports an image, checks everything its row says, and answers the tree as the driver shows it. */
async function checkedView(driver: string, row: ExpectedRow): Promise<string[]> {
  await using lab = await openJobLab({ driver });
  const { graph } = lab.store;
  const results = await lab.import(corpusImage(row.path, lab.formats.dir));
  const image = results.find((result) => result.error === null && result.configDigest === row.config_digest);
  if (image === undefined || image.error !== null) throw new Error(`${driver}: ${JSON.stringify(results)}`);
  const layers = await graph.layersOf(image.id);
  expect(layers.map((layer) => layer.diffId)).toEqual(row.diff_ids);
  expect(layers.map((layer) => `sha256:${layer.id}`)).toEqual(row.chain_ids);
  const work = mkdtempSync(join(tmpdir(), 'layermill-corpus-'));
  try {
    for (const compression of ['none', 'gzip', 'zstd'] as const) await reexport(lab.store, layers, compression, work);
    if (row.tree) {
      await graph.unpack(image.id, join(work, 'tree'));
      expect(treeOf(system, join(work, 'tree'), compared)).toEqual(expectedTree(row.tree, compared));
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  expect(await lab.leftovers()).toEqual([]);
  return viewTree(system, await graph.mountOf(image.id));
}

/** A view in which every further name of a file is a file of its own. */
function withoutLinks(view: readonly string[]): string[] {
  return view.map((line) => {
    const [name, first] = line.split(' = ');
    const original = first === undefined ? undefined : view.find((other) => other.startsWith(`${first} f `));
    return original === undefined ? line : original.replace(first!, name!);
  });
}

async function reexport(
  store: TestStore,
  layers: readonly { id: string; diffId: string }[],
  compression: OutputCompression,
  work: string,
): Promise<void> {
  for (const { id, diffId } of layers) {
    const to = join(work, `${compression}-${id}`);
    await store.graph.exportLayer(id, profileFor({ compression }), to);
    const bytes = readFileSync(to);
    const unpacked = compression === 'gzip' ? gunzipSync(bytes) : compression === 'zstd' ? decompress(bytes) : bytes;
    expect(digestOf(unpacked)).toBe(diffId);
    await rm(to);
  }
}

/** What a broken or hostile path must end with: a code, or `imported`. A layer that is no image is registered as one. */
const OUTCOMES: Readonly<Record<string, string>> = {
  'codeclysm_extract/testdata/zipslip/evil-link-traversal.tar': 'LINK_INVALID',
  'codeclysm_extract/testdata/zipslip/evil-win.tar': 'ENTRY_OUTSIDE_ROOT',
  'codeclysm_extract/testdata/zipslip/evil.tar': 'ENTRY_OUTSIDE_ROOT',
  'hashicorp_go-getter/testdata/decompress-tgz/outside_parent.tar.gz': 'ENTRY_OUTSIDE_ROOT',
  'hashicorp_go-getter/testdata/decompress-tzst/outside_parent.tar.zst': 'ENTRY_OUTSIDE_ROOT',
  'jwilk_traversal-archives/tar/absolute1.tar': 'registered',
  'jwilk_traversal-archives/tar/absolute2.tar': 'registered',
  // `tmp -> /tmp` leads to itself in the image's root.
  'jwilk_traversal-archives/tar/dirsymlink.tar': 'LINK_INVALID',
  'jwilk_traversal-archives/tar/dirsymlink2a.tar': 'registered',
  'jwilk_traversal-archives/tar/dirsymlink2b.tar': 'registered',
  'jwilk_traversal-archives/tar/relative0.tar': 'ENTRY_OUTSIDE_ROOT',
  'jwilk_traversal-archives/tar/relative2.tar': 'ENTRY_OUTSIDE_ROOT',
  'jwilk_traversal-archives/tar/symlink.tar': 'registered',
  'mafintosh_tar-fs/test/fixtures/invalid.tar': 'registered',
  'pnpm_pnpm/pnpm11/installing/deps-installer/test/fixtures/pkg-with-path-traversal-name.tgz': 'registered',
};

describe.runIf(present)('hostile layers', () => {
  const hostile = corpusPaths((category) => category === 'hostile');

  test.each(hostile)('%s', async (path) => {
    const views: string[][] = [];
    for (const driver of DRIVER_NAMES) {
      await using store = await openTestStore(driver);
      const id = '1'.repeat(64);
      const outcome = await store.graph.register({ id }, corpusFile(path)).then(
        () => 'registered',
        (error: unknown) => asEngineError(error).code,
      );
      expect(outcome, driver).toBe(OUTCOMES[path]);
      if (outcome === 'registered') views.push(viewTree(system, await store.graph.mountOf(id)));
      else expect(await registered(store), driver).toEqual([]);
      expect(leftIn(join(store.root, 'graph/_tmp')), driver).toEqual([]);
      expect(leftIn(join(store.root, driver, 'tmp')), driver).toEqual([]);
    }
    for (const view of views) expect(view).toEqual(views[0]);
  });

  test('every one of them is in the table', () => {
    expect(hostile.sort()).toEqual(Object.keys(OUTCOMES).sort());
    expect(hostile).toHaveLength(CORPUS_COUNTS.hostile);
  });
});

describe.runIf(present).each(DRIVER_NAMES)('what is no image here, with %s', (driver) => {
  const expectRefused = async (path: string, codes: readonly string[] | undefined): Promise<void> => {
    await using lab = await openJobLab({ driver });
    expect(await outcomesOf(lab, path)).toEqual(codes);
    expect(await registered(lab.store)).toEqual([]);
    expect(lab.store.tags.repositories.size).toBe(0);
    expect(await lab.leftovers()).toEqual([]);
  };
  const broken = corpusPaths((category) => category.endsWith('-broken'));

  test.each(artifacts.map((row) => row.path))('artifact %s', (path) => expectRefused(path, ['NOT_AN_IMAGE']));

  test.each([...REFUSED].map(([path, { code }]) => [path, code] as const))('refused %s', (path, code) =>
    expectRefused(path, [code]),
  );

  test.each(broken)('broken %s', (path) => expectRefused(path, BROKEN_LAYOUTS[path]));

  test('is as much as there is', () => {
    expect({ artifacts: artifacts.length, refused: REFUSED.size, broken: broken.length }).toEqual({
      artifacts: CORPUS_COUNTS.artifacts,
      refused: CORPUS_COUNTS.refused,
      broken: CORPUS_COUNTS.broken,
    });
  });
});

async function outcomesOf(lab: JobLab, path: string): Promise<string[]> {
  try {
    const results = await lab.import(corpusImage(path, lab.formats.dir));
    return results.map((result) => (result.error === null ? 'imported' : result.error.code));
  } catch (error) {
    return [asEngineError(error).code];
  }
}

/** Everything that a store holds: metadata, layers and packed layers. */
async function registered({ root, graph }: TestStore): Promise<string[]> {
  const found = leftIn(graph.root).filter((name) => name !== '_tmp');
  for await (const id of graph.driver.list()) found.push(id);
  return [...found, ...leftIn(join(root, 'blobs/sha256')), ...leftIn(join(root, 'indexes'))];
}

/** What is in a directory, which is made when it is first needed. */
function leftIn(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : [];
}
