import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { decompress } from 'zstd-napi';
import { afterAll, describe, expect, test } from 'vitest';
import { profileFor } from '../src/compression/codecs.ts';
import type { OutputCompression } from '../src/compression/codec.ts';
import { asEngineError } from '../src/errors/wire.ts';
import {
  BROKEN_LAYOUTS,
  corpusFile,
  corpusImage,
  corpusPaths,
  expectedRows,
  isImageRow,
  present,
  REFUSED,
} from './support/corpus.ts';
import { type JobLab, openJobLab } from './support/job-lab.ts';
import { openTestStore, type TestStore } from './support/test-store.ts';

/** Real images of public projects, imported into stores, and what umoci made of them. */
const isRoot = process.geteuid?.() === 0;
if (!present) console.log('skipped: the corpus is not here');

const rows = expectedRows();
const artifacts = rows.filter((row) => !isImageRow(row));
const images = rows.filter((row) => isImageRow(row) && !REFUSED.has(row.path));

/** What was left in a directory for unfinished work, which is made when it is first needed. */
const leftIn = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Tree lines without the times of directories, which few layers name. */
function treeOf(root: string): string[] {
  const firstNames = new Map<string, string>();
  const found: string[] = [];
  const visit = (path: string): void => {
    for (const name of readdirSync(join(root, path)).sort()) {
      const below = path === '' ? name : `${path}/${name}`;
      const full = join(root, below);
      const stat = lstatSync(full, { bigint: true });
      const owner = `${stat.uid}\t${stat.gid}`;
      const mode = (stat.mode & 0o7777n).toString(8).padStart(4, '0');
      const seconds = stat.mtimeNs / 1_000_000_000n;
      if (stat.isDirectory()) {
        found.push(`d\t${mode}\t${owner}\t${below}`);
        visit(below);
      } else if (stat.isSymbolicLink()) {
        found.push(`l\t0777\t${owner}\t${seconds}\t${readlinkSync(full)}\t${below}`);
      } else {
        const first = firstNames.get(String(stat.ino));
        if (first === undefined) firstNames.set(String(stat.ino), below);
        found.push(
          `f\t${mode}\t${owner}\t${stat.size}\t${seconds}\t${first === undefined ? '' : 'linked'}\t${digestOf(readFileSync(full)).slice('sha256:'.length)}\t${below}`,
        );
      }
    }
  };
  visit('');
  return found.sort();
}

function expectedTree(file: string): string[] {
  const parse = (line: string): string => {
    const [type, mode, uid, gid, size, mtime, linked, , content, path] = line.split('\t');
    const owner = `${uid}\t${gid}`;
    if (type === 'd') return `d\t${mode}\t${owner}\t${path}`;
    if (type === 'l') return `l\t0777\t${owner}\t${mtime}\t${content}\t${path}`;
    return `f\t${mode}\t${owner}\t${size}\t${mtime}\t${linked === '' ? '' : 'linked'}\t${content}\t${path}`;
  };
  const rest = readFileSync(corpusFile(file), 'utf8').trimEnd().split('\n').slice(1);
  return rest
    .filter((line) => line !== '')
    .map(parse)
    .sort();
}

describe.runIf(present).each(['overlay2', 'vfs'])('the corpus in a store with %s', (driver) => {
  let run = 0;
  let trees = 0;

  test.each(images.map((row) => [row.path, row] as const))('%s', async (path, row) => {
    await using lab = await openJobLab({ driver });
    const { store } = lab;
    const results = await lab.import(corpusImage(path, lab.formats.dir));
    const result = results.find((one) => one.error === null && one.configDigest === row.config_digest);
    if (result === undefined || result.error !== null)
      throw asEngineError(
        results.find((one) => one.error !== null)?.error ?? new Error(`not imported: ${JSON.stringify(results)}`),
      );
    const layers = await store.graph.layersOf(result.id);
    expect(layers.map((layer) => layer.diffId)).toEqual(row.diff_ids);
    expect(layers.map((layer) => `sha256:${layer.id}`)).toEqual(row.chain_ids);
    const work = mkdtempSync(join(tmpdir(), 'layermill-corpus-'));
    try {
      for (const compression of ['none', 'gzip', 'zstd'] as const) await reexport(store, layers, compression, work);
      if (row.tree && existsSync(corpusFile(row.tree))) {
        await store.graph.unpack(result.id, join(work, 'tree'));
        const wanted = expectedTree(row.tree);
        const made = treeOf(join(work, 'tree'));
        // An ordinary user cannot give files away, so owners are root's to compare.
        const anybodys = (line: string): string => line.replace(/^(.\t\d+\t)\d+\t\d+/, '$1');
        expect(isRoot ? made : made.map(anybodys).sort()).toEqual(isRoot ? wanted : wanted.map(anybodys).sort());
        trees++;
      }
    } finally {
      await rm(work, { recursive: true, force: true });
    }
    run++;
  });

  afterAll(() => {
    expect(run).toBe(images.length);
    console.log(
      `${driver}: ${run} images of the corpus, ${trees} trees compared, ${artifacts.length} rows without an image`,
    );
  });
});

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
    await using store = await openTestStore('overlay2');
    const id = '1'.repeat(64);
    const outcome = await store.graph.register({ id }, corpusFile(path)).then(
      () => 'registered',
      (error: unknown) => asEngineError(error).code,
    );
    expect(outcome).toBe(OUTCOMES[path]);
    expect(await store.graph.exists(id)).toBe(outcome === 'registered');
    expect(leftIn(join(store.root, 'graph/_tmp'))).toEqual([]);
    expect(leftIn(join(store.root, 'overlay2/tmp'))).toEqual([]);
  });

  test('every one of them is in the table', () => {
    expect(hostile.sort()).toEqual(Object.keys(OUTCOMES).sort());
  });
});

describe.runIf(present)('rows of the corpus that are no images here', () => {
  const refused = [...REFUSED].map(([path, { code }]) => [path, code] as const);
  test.each([...artifacts.map(({ path }) => [path, 'NOT_AN_IMAGE'] as const), ...refused])('%s', async (path, code) => {
    await using lab = await openJobLab();
    expect(await outcomesOf(lab, path)).toEqual([code]);
    expect(lab.store.tags.repositories.size).toBe(0);
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

describe.runIf(present)('broken layouts', () => {
  const broken = corpusPaths((category) => category.endsWith('-broken'));

  test.each(broken)('%s', async (path) => {
    await using lab = await openJobLab();
    const outcome = await outcomesOf(lab, path);
    expect(outcome).toEqual(BROKEN_LAYOUTS[path]);
    expect(await lab.leftovers()).toEqual([]);
  });
});
