// Where the time goes inside one layer, in this thread: npm run bench:micro [-- LAYER.TAR [DIRECTORY]]
// Each step is what the one before it does and one thing more, so that the difference is what that costs. DIRECTORY is
// where the layer is applied (a directory on tmpfs leaves the disk out); without a layer, one of small files is made up.
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LayerApplier } from '../../src/archive/apply-layer.ts';
import { DEFAULT_LIMITS } from '../../src/archive/limits.ts';
import { Payload } from '../../src/archive/payload.ts';
import { openRebuilder } from '../../src/archive/rebuild.ts';
import { RecordWriter } from '../../src/archive/record-writer.ts';
import type { TarVisitor } from '../../src/archive/tar-entry.ts';
import { createTarReader } from '../../src/archive/tar-reader.ts';
import { contentMaker } from '../../src/bench/synthetic-content.ts';
import { writeLayer } from '../../src/bench/synthetic-layer.ts';
import type { ByteSink } from '../../src/compression/codec.ts';
import { profileFor, sequentialEncoder } from '../../src/compression/codecs.ts';
import { readBlob } from '../../src/streams/read-blob.ts';
import { openSystem } from '../../src/system/select.ts';
import type { System } from '../../src/system/system.ts';
import { HashedBytes } from '../../workers/hashed-bytes.ts';
import { NotedSha256 } from '../../workers/noted-sha256.ts';

const ROUNDS = 5;

const [given, place = tmpdir()] = process.argv.slice(2);
const work = mkdtempSync(join(place, 'layermill-micro-'));
const layer = given ?? makeLayer();
const { size } = statSync(layer);
const system = openSystem();
process.umask(0);
system.privateUmask();

const blind: TarVisitor = { entry() {}, raw() {}, body() {}, endEntry() {} };
/** Answers at once whatever the kernel would have to do for a file. */
const idle: System = {
  ...system,
  createFile: () => 0,
  write: (_fd, _chunk, start, end) => end - start,
  setFileTimes: () => 0,
  close: () => 0,
};

const tree = join(work, 'tree');
const meta = join(work, 'meta');

function read(sink: ByteSink): void {
  readBlob({ path: layer }, sink);
}

function parse(visitor: TarVisitor): void {
  const reader = createTarReader(visitor, DEFAULT_LIMITS);
  read((chunk) => reader.write(chunk));
  reader.end();
}

function apply(calls: System, recorded: boolean): void {
  const writer = recorded ? new RecordWriter(meta) : null;
  const payload = new Payload(system, meta);
  const applier = new LayerApplier(calls, {
    dir: Buffer.from(tree).toString('latin1'),
    style: 'overlay',
    stacked: false,
    lower: null,
    policy: { privileged: process.geteuid?.() === 0, keepAccess: true, warn: () => {} },
    record: writer === null ? null : { writer, payload },
    lateModes: null,
    onEntry: () => {},
  });
  parse(applier);
  applier.finish();
  writer?.finish();
  applier.close();
  writer?.close();
  payload.close();
}

function rebuild(sink: ByteSink): void {
  const rebuilder = openRebuilder(system, { meta, dir: tree });
  rebuilder.write(0, rebuilder.tarSize, sink);
  rebuilder.close();
}

function hash(): ByteSink {
  const bytes = new HashedBytes(undefined, system.sha256 === null ? undefined : new NotedSha256(system.sha256));
  return (chunk) => bytes.update(chunk);
}

function packed(compression: 'gzip' | 'zstd'): void {
  const encoder = sequentialEncoder(profileFor({ compression }), () => {});
  read((chunk) => encoder.write(chunk));
  encoder.end();
}

function makeLayer(): string {
  const path = join(work, 'layer.tar');
  const fd = openSync(path, 'wx');
  const kinds = [{ texture: 'text' as const, bytes: 150e6, least: 200, most: 32_768 }];
  writeLayer({ top: 'app', kinds, whiteouts: [] }, contentMaker(1), (chunk) => void writeSync(fd, chunk));
  closeSync(fd);
  return path;
}

/** The median of some rounds, each in empty directories unless what is there is wanted. */
function measure(name: string, run: () => void, fresh = true): void {
  const times = Array.from({ length: ROUNDS }, () => {
    if (fresh) {
      rmSync(tree, { recursive: true, force: true });
      rmSync(meta, { recursive: true, force: true });
      mkdirSync(tree);
      mkdirSync(meta);
    }
    const start = performance.now();
    run();
    return performance.now() - start;
  }).toSorted((a, b) => a - b);
  const median = times[ROUNDS >> 1]!;
  const [least, most] = [times[0]!, times.at(-1)!].map((time) => time.toFixed(0).padStart(6));
  console.log(
    `${name.padEnd(44)} ${median.toFixed(0).padStart(6)} ${least} ${most} ${(size / median / 1000).toFixed(0).padStart(6)}`,
  );
}

try {
  console.log(`${(size / 1e6).toFixed(0)} MB of ${given ?? 'made-up files'}, ${system.kind} calls`);
  console.log(`${''.padEnd(44)} median  least   most   MB/s  (ms)`);
  measure('read', () => read(() => {}));
  measure('read, hash', () => read(hash()));
  measure('read, parse', () => parse(blind));
  measure('read, parse, apply without the kernel', () => apply(idle, false));
  measure('read, parse, apply without the kernel, record', () => apply(idle, true));
  measure('read, parse, apply', () => apply(system, false));
  measure('read, parse, apply, record', () => apply(system, true));
  measure('rebuild from tree and record', () => rebuild(() => {}), false);
  measure('rebuild, hash', () => rebuild(hash()), false);
  measure('read, pack with gzip', () => packed('gzip'));
  measure('read, pack with zstd', () => packed('zstd'));
} finally {
  rmSync(work, { recursive: true });
}
