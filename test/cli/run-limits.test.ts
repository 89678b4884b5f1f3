import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliLab, type CliResult } from '../support/cli-lab.ts';
import { dockerArchiveFiles, fixtureImage, packedLayer, writeArchiveFile } from '../support/image-fixture.ts';
import { seeded } from '../support/random.ts';
import { file, tar } from '../support/tar-fixture.ts';

const MIB = 1024 * 1024;

let lab: CliLab;
beforeEach(() => {
  lab = new CliLab();
  mkdirSync(lab.path('in'));
});
afterEach(() => lab[Symbol.asyncDispose]());

/** Images of one layer each that does not get smaller when it is packed. */
function images(...sizes: number[]): void {
  for (const [number, size] of sizes.entries()) {
    const layer = packedLayer(tar([file('data', seeded(number + 1).bytes(size))]));
    const image = fixtureImage([layer], { names: [`app/${number}:1`] });
    writeArchiveFile(lab.path(`in/${number}.tar`), dockerArchiveFiles([image]));
  }
}

const run = (destination: string, ...args: string[]): Promise<CliResult> =>
  lab.run('run', `docker-archive:${lab.path('in')}/*.tar`, destination, '--ledger', lab.path('l'), ...args);

describe('packing', () => {
  it('gives the same bytes with any number of threads, and from the cache', async () => {
    images(3 * MIB, 40_000, 100_000);
    const outputs: string[][] = [];
    const results: string[] = [];
    for (const threads of ['1', '2', '8', 'cached']) {
      const out = lab.path(`out-${threads}`);
      const with_ = threads === 'cached' ? [] : ['--threads', threads];
      const cache = threads === '1' || threads === 'cached' ? ['--cache', lab.path('cached')] : ['--cache', 'none'];
      const ledger = ['--ledger', lab.path(`l-${threads}`)];
      const { code } = await run(`oci:${out}`, '--dest-compress-format', 'gzip', ...with_, ...cache, ...ledger);
      expect(code).toBe(0);
      outputs.push(readdirSync(join(out, 'blobs/sha256')).toSorted());
      results.push(readFileSync(join(out, 'index.json'), 'utf8'));
      const report = await lab.run('report', lab.path(`l-${threads}`), '--format', 'json');
      const [{ stages }] = report.lines as [{ stages: { compress?: number } }];
      if (threads === 'cached') expect(stages.compress ?? 0).toBe(0);
      else expect(stages.compress).toBeGreaterThan(0);
    }
    for (const output of outputs) expect(output).toEqual(outputs[0]);
    for (const index of results) expect(index).toBe(results[0]);
  });
});

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: small file systems can be mounted by root only');

describe.skipIf(!isRoot)('a destination that is too small', () => {
  let small: string;
  beforeEach(() => {
    small = lab.path('small');
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', small]);
  });
  afterEach(() => void execFileSync('umount', [small]));

  it('is told before anything starts', async () => {
    images(6 * MIB, 40_000);
    const { code, stderr } = await lab.run('plan', `docker-archive:${lab.path('in')}/*.tar`, `oci:${small}/out`);
    expect(code).toBe(6);
    expect(stderr).toMatch(/needs about .* are free/);
  });

  it('gets what there is room for, and the rest when there is more', async () => {
    images(40_000, 6 * MIB, 50_000);
    truncateSync(lab.path('in/2.tar'), 3000);
    const first = await run(`oci:${small}/out`, '--retries', '0');
    expect(first.code).toBe(6);
    expect(first.stdout.toString()).toMatch(/^app\/0:1 /);
    expect(first.stderr).toMatch(/no space|full/i);
    const report = await lab.run('report', lab.path('l'));
    expect(report.stdout.toString()).toMatch(/NO_SPACE/);
    expect(report.stdout.toString()).toMatch(/TAR_TRUNCATED/);
    execFileSync('mount', ['-o', 'remount,size=64m', small]);
    rmSync(lab.path('in/2.tar'));
    const again = await run(`oci:${small}/out`);
    expect([again.code, again.stderr]).toEqual([0, expect.any(String)]);
    const index = JSON.parse(readFileSync(join(small, 'out/index.json'), 'utf8')) as { manifests: unknown[] };
    expect(index.manifests).toHaveLength(2);
    expect(readdirSync(join(small, 'out')).toSorted()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  it('may be where temporary files are, too', async () => {
    images(6 * MIB, 40_000);
    writeFileSync(join(small, 'ballast'), Buffer.alloc(2 * MIB));
    const { code, stderr } = await lab.runWith(
      { env: { TMPDIR: small } },
      'run',
      `docker-archive:${lab.path('in')}/*.tar`,
      'null:',
      '--dest-compress-format',
      'gzip',
      '--cache',
      'none',
      '--retries',
      '0',
      '--ledger',
      lab.path('l'),
    );
    expect([code, stderr]).toEqual([6, expect.stringMatching(/space|full/i)]);
    expect(readdirSync(small)).toEqual(['ballast']);
  });
});
