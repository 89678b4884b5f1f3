import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ExternalUnpacking, unpackWithProgram } from '../../src/compression/external.ts';
import type { EngineError } from '../../src/errors/engine-error.ts';
import type { Digest } from '../../src/identity/digest.ts';
import { installed, NO_LIMITS, sample, sha256 } from '../support/packed.ts';

const TEXT = sample(100_000);
const DICTIONARY_1536_MIB = 37;
const EMPTY_STREAM = {
  xz: 'TestDecompressStreamXz: an empty stream is an empty file',
  bzip2: 'TestDecompressStreamBzip2: an empty stream is an empty file',
};

describe.each(['xz', 'bzip2'] as const)('%s', (compression) => {
  const program = installed(compression);
  if (program === undefined) {
    test.skip('is not installed');
    return;
  }
  const pack = (input: Buffer, ...args: string[]): Buffer =>
    execFileSync(program, ['-c', ...args], { input, maxBuffer: 2 ** 26 });

  let base: string;
  let packed: Buffer;
  let to: string;

  beforeEach(() => {
    base = fs.mkdtempSync(join(tmpdir(), 'external-'));
    to = join(base, 'unpacked');
    packed = pack(TEXT);
  });
  afterEach(() => {
    expect(childrenAlive()).toEqual([]);
    fs.rmSync(base, { recursive: true, force: true });
  });

  const write = (bytes: Buffer): string => {
    const path = join(base, 'packed');
    fs.writeFileSync(path, bytes);
    return path;
  };
  const unpack = (bytes: Buffer, more: Partial<ExternalUnpacking> = {}): Promise<{ size: number }> =>
    unpackWithProgram({ blob: { path: write(bytes) }, compression, to, limits: NO_LIMITS, ...more });
  /** The error, with nothing left behind. */
  const refusal = async (work: Promise<unknown>): Promise<EngineError> => {
    const error: unknown = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(Error);
    expect(fs.existsSync(to)).toBe(false);
    return error as EngineError;
  };

  test('unpacks to a new file that only its owner reads', async () => {
    expect(await unpack(packed)).toEqual({ size: TEXT.length });
    expect(fs.readFileSync(to).equals(TEXT)).toBe(true);
    expect(fs.statSync(to).mode & 0o777).toBe(0o600);
  });

  test('reads a range of a file, and nothing around it', async () => {
    const path = write(Buffer.concat([Buffer.from('before'), packed, Buffer.from('after')]));
    const digest: Digest = `sha256:${sha256(packed)}`;
    const blob = { path, offset: 6, length: packed.length, size: packed.length, digest };
    expect(await unpackWithProgram({ blob, compression, to, limits: NO_LIMITS })).toEqual({ size: TEXT.length });
    expect(fs.readFileSync(to).equals(TEXT)).toBe(true);
  });

  test('streams one after another are one stream', async () => {
    expect(await unpack(Buffer.concat([packed, packed]))).toEqual({ size: 2 * TEXT.length });
  });

  test(EMPTY_STREAM[compression], async () => {
    expect(await unpack(pack(Buffer.alloc(0)))).toEqual({ size: 0 });
    expect(fs.statSync(to).size).toBe(0);
  });

  test('damage, a cut, and what is something else are refused', async () => {
    const damaged = Buffer.from(packed);
    damaged[packed.length >>> 1] = ~damaged.readUInt8(packed.length >>> 1) & 0xff;
    const cut = packed.subarray(0, packed.length - 1);
    for (const bytes of [damaged, cut, packed.subarray(0, 20), TEXT]) {
      const error = await refusal(unpack(bytes));
      expect(error).toMatchObject({ code: 'COMPRESSION_INVALID', details: { compression } });
    }
  });

  test('a program that stops reading early is not waited for', async () => {
    const error = await refusal(unpack(Buffer.concat([TEXT, Buffer.alloc(4_000_000, 1)])));
    expect(error.code).toBe('COMPRESSION_INVALID');
  });

  test('bytes that are not the promised ones are refused', async () => {
    const path = write(packed);
    const digest: Digest = `sha256:${sha256(TEXT)}`;
    const mismatch = { blob: { path, digest }, compression, to, limits: NO_LIMITS };
    expect((await refusal(unpackWithProgram(mismatch))).code).toBe('DIGEST_MISMATCH');
    const short = { ...mismatch, blob: { path, size: packed.length + 1 } };
    expect((await refusal(unpackWithProgram(short))).code).toBe('SIZE_MISMATCH');
    const missing = { ...mismatch, blob: { path: join(base, 'none') } };
    expect((await refusal(unpackWithProgram(missing))).code).toBe('FILE_NOT_FOUND');
  });

  test('a bomb ends at the limit, its program too', async () => {
    const bomb = pack(Buffer.alloc(100 * 1024 * 1024));
    const error = await refusal(unpack(bomb, { limits: { outputBytes: 1_000_000, ratio: Infinity } }));
    expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED', details: { limit: 'layerBytes' } });
    const ratio = await refusal(unpack(bomb, { limits: { outputBytes: Infinity, ratio: 100 } }));
    expect(ratio).toMatchObject({ code: 'LIMIT_EXCEEDED', details: { limit: 'expansionRatio' } });
  });

  test('an abort ends the work, before and during it', async () => {
    const bomb = pack(Buffer.alloc(100 * 1024 * 1024));
    expect((await refusal(unpack(bomb, { signal: AbortSignal.abort() }))).code).toBe('CANCELLED');
    const controller = new AbortController();
    const work = unpack(bomb, { signal: controller.signal });
    await until(() => fs.existsSync(to) && fs.statSync(to).size > 0);
    controller.abort();
    expect((await refusal(work)).code).toBe('CANCELLED');
  });

  test('a file that is there already stays as it is', async () => {
    fs.writeFileSync(to, 'mine');
    await expect(unpack(packed)).rejects.toMatchObject({ code: 'SYSTEM_CALL_FAILED', details: { errno: 'EEXIST' } });
    expect(fs.readFileSync(to, 'utf8')).toBe('mine');
  });

  test('PATH has no say in which program runs', async () => {
    fs.writeFileSync(join(base, compression), `#!/bin/sh\ntouch ${base}/ran\n`, { mode: 0o755 });
    const before = process.env['PATH'];
    process.env['PATH'] = base;
    try {
      expect(await unpack(packed)).toEqual({ size: TEXT.length });
    } finally {
      process.env['PATH'] = before;
    }
    expect(fs.existsSync(join(base, 'ran'))).toBe(false);
  });

  test.runIf(compression === 'xz')('a dictionary of 1.5 GiB is more memory than it may take', async () => {
    const error = await refusal(unpack(withDictionary(packed, DICTIONARY_1536_MIB)));
    expect(error.code).toBe('COMPRESSION_INVALID');
    expect(error.message).toContain('limit');
    expect(await unpack(withDictionary(packed, 25))).toEqual({ size: TEXT.length });
  });

  test('no descriptor stays open', async () => {
    const open = (): number => fs.readdirSync('/proc/self/fd').length;
    const before = open();
    await unpack(packed);
    fs.rmSync(to);
    await refusal(unpack(TEXT));
    await refusal(unpack(packed, { blob: { path: join(base, 'none') } }));
    await until(() => open() <= before);
  });
});

/** The same xz stream with another dictionary size (in xz's code for it) in its first block's header. */
function withDictionary(packed: Buffer, code: number): Buffer {
  const changed = Buffer.from(packed);
  const size = (changed.readUInt8(12) + 1) * 4;
  const filter = changed.indexOf(Buffer.from([0x21, 0x01]), 13);
  changed[filter + 2] = code;
  changed.writeUInt32LE(crc32(changed.subarray(12, 12 + size - 4)), 12 + size - 4);
  return changed;
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}

/** The ids of processes that this one started and that have not been waited for. */
function childrenAlive(): string[] {
  return fs.readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && parentOf(pid) === process.pid);
}

function parentOf(pid: string): number {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    // it has ended meanwhile
    return 0;
  }
}
