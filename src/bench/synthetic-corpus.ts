import { createHash } from 'node:crypto';
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { writeEnd, writeHeader, writePadding } from '../archive/tar-writer.ts';
import type { ByteSink } from '../compression/codec.ts';
import { readBlob } from '../streams/read-blob.ts';
import { contentMaker } from './synthetic-content.ts';
import { type LayerRecipe, writeLayer } from './synthetic-layer.ts';

export interface SyntheticCorpus {
  seed: number;
  /** Bytes of all layers together, about. */
  bytes: number;
  images: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

interface LayerFile {
  path: string;
  diffId: string;
}

/**
 * Writes a docker-archive of images that share their lower layers, as images of one team do: a base of programs and
 * texts, a runtime of few large files, dependencies of very many small ones, and a layer of its own for each image. The
 * same numbers make the same bytes everywhere.
 */
export function writeSyntheticCorpus(path: string, corpus: SyntheticCorpus): void {
  const maker = contentMaker(corpus.seed);
  const made: LayerFile[] = [];
  let replaced = '';
  const layer = (recipe: LayerRecipe): LayerFile => {
    const file = join(`${path}.layer-${made.length}`);
    const { result, digest } = writeFile(file, (sink) => writeLayer(recipe, maker, sink));
    if (made.length === 0) replaced = result;
    made.push({ path: file, diffId: digest });
    return made.at(-1)!;
  };
  const shared = sharedLayers(corpus.bytes).map(layer);
  const own = Array.from({ length: corpus.images }, (_, image) => layer(ownLayer(corpus, image, replaced)));
  writeFile(path, (sink) =>
    writeArchive(
      own.map((top) => [...shared, top]),
      sink,
    ),
  );
  for (const { path: file } of made) rmSync(file);
}

function sharedLayers(bytes: number): LayerRecipe[] {
  const share = (part: number): number => Math.round(bytes * part);
  return [
    {
      top: 'usr',
      kinds: [
        { texture: 'text', bytes: share(0.12), least: 200, most: 64 * KIB },
        { texture: 'program', bytes: share(0.23), least: 16 * KIB, most: 2 * MIB },
      ],
      whiteouts: [],
    },
    {
      top: 'opt/runtime',
      kinds: [
        { texture: 'program', bytes: share(0.15), least: 4 * MIB, most: 32 * MIB },
        { texture: 'noise', bytes: share(0.1), least: 2 * MIB, most: 16 * MIB },
      ],
      whiteouts: [],
    },
    {
      top: 'app/node_modules',
      kinds: [{ texture: 'text', bytes: share(0.3), least: 100, most: 24 * KIB }],
      whiteouts: [],
    },
  ];
}

/** What only one image has: its program, some pictures, and the removal of a file of the base. */
function ownLayer({ bytes, images }: SyntheticCorpus, image: number, replaced: string): LayerRecipe {
  const share = (part: number): number => Math.ceil((bytes * part) / images);
  return {
    top: `app/service-${image}`,
    kinds: [
      { texture: 'text', bytes: share(0.06), least: 500, most: 128 * KIB },
      { texture: 'noise', bytes: share(0.04), least: 8 * KIB, most: MIB },
    ],
    whiteouts: [replaced],
  };
}

function writeArchive(images: readonly LayerFile[][], sink: ByteSink): void {
  const written = new Set<string>();
  const member = (name: string, content: Buffer): void => {
    header(name, content.length, sink);
    sink(content);
    writePadding(content.length, sink);
  };
  const manifest = images.map((layers, image) => {
    for (const layer of layers) if (!written.has(layer.diffId)) copyLayer(layer, sink);
    for (const layer of layers) written.add(layer.diffId);
    const config = Buffer.from(JSON.stringify(configOf(layers)));
    const configName = `${createHash('sha256').update(config).digest('hex')}.json`;
    member(configName, config);
    return { Config: configName, RepoTags: [`layermill-bench/service-${image}:1`], Layers: layers.map(memberName) };
  });
  member('manifest.json', Buffer.from(JSON.stringify(manifest)));
  writeEnd(sink);
}

function configOf(layers: readonly LayerFile[]): object {
  return {
    architecture: 'amd64',
    os: 'linux',
    created: '2020-09-13T12:26:40Z',
    config: { Cmd: ['/bin/service'] },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => `sha256:${diffId}`) },
    history: layers.map(() => ({ created: '2020-09-13T12:26:40Z', created_by: 'layermill bench' })),
  };
}

function copyLayer(layer: LayerFile, sink: ByteSink): void {
  const { size } = statSync(layer.path);
  header(memberName(layer), size, sink);
  readBlob({ path: layer.path }, sink);
  writePadding(size, sink);
}

const memberName = ({ diffId }: LayerFile): string => `${diffId}/layer.tar`;

function header(name: string, size: number, sink: ByteSink): void {
  const fields = { mode: 0o644, uid: 0, gid: 0, mtimeSec: 0, linkname: '', devMajor: 0, devMinor: 0, xattrs: null };
  writeHeader({ name, type: 'file', size, ...fields }, sink);
}

function writeFile<Result>(path: string, write: (sink: ByteSink) => Result): { result: Result; digest: string } {
  const fd = openSync(path, 'w');
  const hash = createHash('sha256');
  try {
    const output = bufferedOutput(fd);
    const result = write((chunk) => {
      hash.update(chunk);
      output.write(chunk);
    });
    output.flush();
    return { result, digest: hash.digest('hex') };
  } finally {
    closeSync(fd);
  }
}

/** Headers are small; one system call for each would take longer than the rest. */
function bufferedOutput(fd: number): { write: ByteSink; flush: () => void } {
  const block = Buffer.allocUnsafe(MIB);
  let used = 0;
  const flush = (): void => {
    writeAll(fd, block.subarray(0, used));
    used = 0;
  };
  return {
    flush,
    write(chunk) {
      if (used + chunk.length > block.length) flush();
      if (chunk.length > block.length) writeAll(fd, chunk);
      else used += chunk.copy(block, used);
    },
  };
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}
