import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeTree } from '../../src/bench/changed-tree.ts';
import { contentMaker } from '../../src/bench/synthetic-content.ts';
import { writeSyntheticCorpus } from '../../src/bench/synthetic-corpus.ts';
import { readTar } from '../support/read-tar.ts';
import { Scratch } from '../support/make-tree.ts';

interface Manifest {
  Config: string;
  RepoTags: string[];
  Layers: string[];
}

describe('made-up images', () => {
  let dir: string;
  const make = (name: string, seed: number): Buffer => {
    writeSyntheticCorpus(join(dir, name), { seed, bytes: 3_000_000, images: 3 });
    return readFileSync(join(dir, name));
  };

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'layermill-corpus-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('are the same bytes for the same seed, on every machine', () => {
    const first = make('a.tar', 1);
    expect(make('b.tar', 1).equals(first)).toBe(true);
    expect(make('c.tar', 2).equals(first)).toBe(false);
    expect(createHash('sha256').update(first).digest('hex')).toMatchInlineSnapshot(
      `"a0be0dc4f638c5ec42c05552717d5fd84a9b6a53025b8ce08985d95374983979"`,
    );
    expect(readdirSync(dir).toSorted()).toEqual(['a.tar', 'b.tar', 'c.tar']);
  });

  it('share all layers but their own, and are named by what is in them', () => {
    const members = new Map(readTar(make('a.tar', 1)).map(({ name, data }) => [name, data]));
    const manifest = JSON.parse(members.get('manifest.json')!.toString()) as Manifest[];
    expect(manifest.map(({ RepoTags }) => RepoTags)).toEqual(
      [0, 1, 2].map((image) => [`layermill-bench/service-${image}:1`]),
    );
    expect(new Set(manifest.flatMap(({ Layers }) => Layers)).size).toBe(3 + 3);
    for (const { Config, Layers } of manifest) {
      const config = members.get(Config)!;
      expect(`${createHash('sha256').update(config).digest('hex')}.json`).toBe(Config);
      const { rootfs } = JSON.parse(config.toString()) as { rootfs: { diff_ids: string[] } };
      const digests = Layers.map((name) => createHash('sha256').update(members.get(name)!).digest('hex'));
      expect(rootfs.diff_ids).toEqual(digests.map((hex) => `sha256:${hex}`));
    }
  });

  it('have directories, small and large files, links and a whiteout', () => {
    const members = new Map(readTar(make('a.tar', 1)).map(({ name, data }) => [name, data]));
    const [manifest] = JSON.parse(members.get('manifest.json')!.toString()) as Manifest[];
    const entries = manifest!.Layers.flatMap((name) => readTar(members.get(name)!));
    expect(new Set(entries.map(({ type }) => type))).toEqual(new Set(['dir', 'file', 'symlink', 'hardlink']));
    expect(entries.filter(({ name }) => name.includes('/.wh.'))).toHaveLength(1);
    const sizes = entries.map(({ data }) => data.length);
    expect(Math.max(...sizes)).toBeGreaterThan(100_000);
    expect(sizes.filter((size) => size > 0 && size < 4096).length).toBeGreaterThan(100);
  });

  it('have bytes that shrink and bytes that do not', () => {
    const maker = contentMaker(1);
    const shrunk = (texture: 'noise' | 'program' | 'text'): number =>
      gzipSync(maker.content(texture, 1_000_000)).length / 1_000_000;
    expect(shrunk('noise')).toBeGreaterThan(0.99);
    expect(shrunk('text')).toBeLessThan(0.5);
    expect(shrunk('program')).toBeGreaterThan(shrunk('text'));
    expect(shrunk('program')).toBeLessThan(0.9);
  });
});

describe('a tree that somebody worked in', () => {
  it('is changed in the same way each time', () => {
    using scratch = new Scratch();
    const spec = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`file-${100 + i}`, `content ${i}\n`]));
    const trees = ['a', 'b'].map((name) => scratch.tree(name, spec));
    trees.forEach(changeTree);
    const [names, again] = trees.map((tree) => readdirSync(tree).toSorted());
    expect(again).toEqual(names);
    expect(names).toContain('new-0');
    expect(names).not.toContain('file-199');
    expect(readFileSync(join(trees[0]!, 'file-149'), 'utf8')).toBe('content 49\nchanged\n');
    expect(readFileSync(join(trees[0]!, 'file-148'), 'utf8')).toBe('content 48\n');
  });
});
