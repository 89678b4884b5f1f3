import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OutputCompression } from '../../src/compression/codec.ts';
import { sha256Digest } from '../../src/identity/digest.ts';
import { CliLab } from '../support/cli-lab.ts';
import {
  dockerArchiveFiles,
  fixtureImage,
  type FixtureLayer,
  pack,
  writeArchiveFile,
} from '../support/image-fixture.ts';
import { header, zeros } from '../support/tar-fixture.ts';

const MIB = 1024 ** 2;
const REPORTER = new URL('../support/report-memory.mjs', import.meta.url).href;

/** What the program promises to need at most, for layers of few entries; the cost of threads is in `pool/cpu-count.ts`. */
const promised = (threads: number): number => (120 + 80 * threads) * MIB;

/** One file of 1 GiB of zeros, packed as tightly as it goes. */
function bomb(compression: OutputCompression): FixtureLayer {
  const part = pack(zeros(32 * 1024), compression);
  const head = pack(header('zeros', { size: 1024 ** 3 }), compression);
  const stored = Buffer.concat([head, ...Array<Buffer>(64).fill(part), pack(zeros(2), compression)]);
  // Nobody gets as far as to look at the DiffID.
  return { tar: stored, stored, diffId: sha256Digest(stored), digest: sha256Digest(stored), compression };
}

describe.skipIf(!existsSync('/proc/self/status'))('a bomb is refused, within the memory that is promised', () => {
  let lab: CliLab;
  beforeAll(() => {
    lab = new CliLab();
    writeFileSync(lab.path('first.json'), '{}');
    // Half of the bomb passes the first limit, so that memory would show if it grew with the bytes.
    writeFileSync(lab.path('late.json'), '{"limits":{"expansionRatio":1000000,"layerBytes":"512MiB"}}');
    for (const kind of ['gzip', 'zstd'] as const) {
      const layers = [bomb(kind)];
      writeArchiveFile(lab.path(`${kind}.tar`), dockerArchiveFiles([fixtureImage(layers, { names: ['bomb:1'] })]));
    }
  });
  afterAll(async () => {
    expect(lab.leftOvers()).toEqual([]);
    await lab[Symbol.asyncDispose]();
  });

  it.each([
    ['gzip', 1, 'first.json'],
    ['zstd', 1, 'first.json'],
    ['gzip', 2, 'late.json'],
    ['zstd', 2, 'late.json'],
  ] as const)('%s on %i threads, with the limits of %s', async (kind, threads, limits) => {
    const env = { NODE_OPTIONS: `--import=${REPORTER}`, MEMORY_REPORT: lab.path('memory') };
    const settings = ['--threads', String(threads), '--config', lab.path(limits)];
    const { code, lines } = await lab.runWith({ env }, 'import', '--json', ...settings, lab.path(`${kind}.tar`));
    expect(lines).toEqual([expect.objectContaining({ error: expect.objectContaining({ code: 'LIMIT_EXCEEDED' }) })]);
    expect(code).toBe(3);
    const memory = Number(readFileSync(lab.path('memory'), 'utf8'));
    expect(memory).toBeGreaterThan(20 * MIB);
    expect(memory).toBeLessThanOrEqual(promised(threads));
  });
});
