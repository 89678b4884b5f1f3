import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliLab } from '../support/cli-lab.ts';
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
});
