import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeSplitTar } from '../../src/archive/assemble-split.ts';
import { DEFAULT_LIMITS, type LayerLimits } from '../../src/archive/limits.ts';
import { openSystem } from '../../src/system/select.ts';
import { codeOf, sampleBytes } from '../support/pack.ts';
import { seeded } from '../support/random.ts';
import { randomLayer } from '../support/random-layer.ts';
import { crcText, splitTar } from '../support/tar-split-writer.ts';
import { dir, file, symlink, tar } from '../support/tar-fixture.ts';

let root: string;
const at = (name: string): string => join(root, name);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'layermill-split-'));
  mkdirSync(at('tree'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** `path` is a byte string. */
function put(path: string, body: Buffer | string): void {
  mkdirSync(Buffer.from(dirname(path), 'latin1'), { recursive: true });
  writeFileSync(Buffer.from(path, 'latin1'), body);
}

/** Writes the record; answers what puts it together again. */
function layerOf(packed: Buffer, limits: Partial<LayerLimits> = {}, trees = ['tree']): () => Buffer {
  put(at('split.gz'), packed);
  return () => {
    const chunks: Buffer[] = [];
    const layer = { split: at('split.gz'), trees: trees.map(at) };
    writeSplitTar(openSystem(), layer, { ...DEFAULT_LIMITS, ...limits }, (chunk) => chunks.push(Buffer.from(chunk)));
    return Buffer.concat(chunks);
  };
}

const packedLines = (...lines: (object | string)[]): Buffer =>
  gzipSync(lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''));
const segment = (position: number, bytes = 'segment'): object => ({
  type: 2,
  payload: Buffer.from(bytes).toString('base64'),
  position,
});
const body = (position: number, name: string, content: string): object => ({
  type: 1,
  name,
  size: content.length,
  payload: crcText(Buffer.from(content)),
  position,
});

describe('a tar that was taken apart', () => {
  test('comes together again byte for byte, whatever is in it', () => {
    let tried = 0;
    for (let seed = 1; seed <= 60; seed += 1) {
      const bytes = randomLayer(seeded(seed));
      const split = splitTar(bytes);
      if (split === null) continue;
      tried += 1;
      rmSync(at('tree'), { recursive: true });
      mkdirSync(at('tree'));
      // Files below files are no layer, and nothing that an engine would have unpacked.
      const paths = [...split.files.keys()];
      if (paths.some((path) => paths.some((other) => other.startsWith(`${path}/`)))) continue;
      for (const [path, content] of split.files) {
        put(`${at('tree')}/${path}`, content);
      }
      expect(layerOf(split.packed)().equals(bytes), `seed ${seed}`).toBe(true);
    }
    expect(tried).toBeGreaterThan(12);
  });

  test('has its large files and long segments in several pieces', () => {
    const big = sampleBytes(1_000_001);
    const bytes = Buffer.concat([tar([dir('d/'), file('d/big', big), symlink('d/l', 'big')]), Buffer.alloc(3_000_000)]);
    const split = splitTar(bytes)!;
    put(at('tree/d/big'), big);
    expect(layerOf(split.packed)().equals(bytes)).toBe(true);
  });

  test('finds its files in the first tree that has them', () => {
    put(at('tree/both'), 'top');
    put(at('below/both'), 'bot');
    put(at('below/low'), 'low');
    const packed = packedLines(body(0, './both', 'top'), body(1, '/x/../low', 'low'));
    expect(layerOf(packed, {}, ['tree', 'below'])().toString()).toBe('toplow');
  });

  test('may have lines spelled in other ways, and names that are no UTF-8', () => {
    put(at('tree/caf\xe9'), 'hi\n');
    const named = `{ "position": 1, "payload": "YUmYEAAAAAA=", "size": 3, "name_raw": "Y2Fm6Q==", "type": 1 }`;
    const packed = gzipSync(`{"position":0,"type":2,"payload":"YQ=="}\n${named}`);
    expect(layerOf(packed)().toString()).toBe('ahi\n');
  });

  test('leaves no trace of being read in the times of its files', () => {
    if (openSystem().kind !== 'linux') return console.log('skipped: only Linux can read without a trace');
    put(at('tree/a'), 'a');
    utimesSync(at('tree/a'), 1000, 2000);
    layerOf(packedLines(body(0, 'a', 'a')))();
    expect(statSync(at('tree/a')).atimeMs).toBe(1_000_000);
  });

  test('has no bytes for a directory that claims a size', () => {
    const packed = packedLines({ type: 1, name: 'd', size: 512, payload: 'AAAAAAAAAAA=', position: 0 }, segment(1));
    expect(layerOf(packed)().toString()).toBe('segment');
  });
});

describe('a record that is no record is refused:', () => {
  test.each<[string, string, Buffer]>([
    ['an unknown type', 'TAR_SPLIT_INVALID', packedLines({ type: 3, payload: null, position: 0 })],
    ['a missing line', 'TAR_SPLIT_INVALID', packedLines(segment(0), segment(2))],
    ['a negative size', 'TAR_SPLIT_INVALID', packedLines({ ...body(0, 'a', 'a'), size: -1 })],
    ['a size that is no number', 'TAR_SPLIT_INVALID', packedLines({ ...body(0, 'a', 'a'), size: 1e300 })],
    ['malformed base64', 'TAR_SPLIT_INVALID', packedLines({ type: 2, payload: 'YW!j', position: 0 })],
    ['half of a base64 group', 'TAR_SPLIT_INVALID', packedLines({ type: 2, payload: 'YWI', position: 0 })],
    ['a short checksum', 'TAR_SPLIT_INVALID', packedLines({ ...body(0, 'a', 'a'), payload: 'YWI=' })],
    ['a missing checksum', 'TAR_SPLIT_INVALID', packedLines({ ...body(0, 'a', 'a'), payload: null })],
    ['no name', 'TAR_SPLIT_INVALID', packedLines({ type: 1, size: 0, payload: null, position: 0 })],
    ['a NUL in a name', 'TAR_SPLIT_INVALID', packedLines(body(0, 'a\0b', 'a'))],
    ['what is no JSON', 'TAR_SPLIT_INVALID', packedLines('{"type":2,')],
    ['what is no object', 'TAR_SPLIT_INVALID', packedLines('null')],
    ['nothing at all', 'TAR_SPLIT_INVALID', gzipSync('')],
    ['a name outside', 'ENTRY_OUTSIDE_ROOT', packedLines(body(0, '../../etc/passwd', 'a'))],
    ['a name outside in the middle', 'ENTRY_OUTSIDE_ROOT', packedLines(body(0, 'a/../../b', 'a'))],
    ['a packed stream that is cut off', 'COMPRESSION_INVALID', packedLines(segment(0)).subarray(0, -9)],
    ['bytes that are not packed', 'COMPRESSION_INVALID', Buffer.from('{}')],
  ])('%s', (_, code, packed) => {
    expect(codeOf(layerOf(packed))).toBe(code);
  });

  test('one over the limits', () => {
    put(at('tree/a'), 'a');
    const twice = packedLines(body(0, 'a', 'a'), body(1, 'a', 'a'));
    expect(codeOf(layerOf(twice, { entries: 1 }))).toBe('LIMIT_EXCEEDED');
    expect(codeOf(layerOf(packedLines(segment(0, 'x'.repeat(100))), { layerBytes: 90 }))).toBe('LIMIT_EXCEEDED');
    expect(codeOf(layerOf(packedLines(body(0, 'a'.repeat(5000), 'a'))))).toBe('LIMIT_EXCEEDED');
    const endless = gzipSync(`{"type":2,"payload":"${'A'.repeat(8_000_000)}","position":0}`);
    expect(codeOf(layerOf(endless))).toBe('LIMIT_EXCEEDED');
  });
});

describe('files that are not what they were are noticed:', () => {
  const packed = packedLines(segment(0), body(1, 'd/a', 'content'));
  test.each<[string, () => void]>([
    ['missing', () => {}],
    ['shorter', () => put(at('tree/d/a'), 'conten')],
    ['longer', () => put(at('tree/d/a'), 'content!')],
    ['other bytes', () => put(at('tree/d/a'), 'Content')],
    ['a directory', () => mkdirSync(at('tree/d/a'), { recursive: true })],
    [
      'a link',
      () => {
        put(at('outside'), 'content');
        mkdirSync(at('tree/d'));
        symlinkSync(at('outside'), at('tree/d/a'));
      },
    ],
    [
      'below a link',
      () => {
        put(at('outside/a'), 'content');
        symlinkSync(at('outside'), at('tree/d'));
      },
    ],
  ])('%s', (_, spoil) => {
    spoil();
    expect(codeOf(layerOf(packed))).toBe('LAYER_FILE_DAMAGED');
  });
});
