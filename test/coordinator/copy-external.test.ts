import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256Digest } from '../../src/identity/digest.ts';
import { copied, type CopyLab, openCopyLab } from '../support/copy-lab.ts';
import { readAll } from '../support/format-context.ts';
import {
  dockerArchiveFiles,
  type FixtureLayer,
  fixtureImage,
  fixtureLayer,
  writeArchiveFile,
} from '../support/image-fixture.ts';
import { inFile } from '../support/in-file.ts';
import { installed } from '../support/packed.ts';

const programs = ['xz', 'bzip2'] as const;
for (const program of programs)
  if (installed(program) === undefined) console.log(`skipped: copies of layers in ${program}, which is not installed`);

let lab: CopyLab;
beforeEach(() => (lab = openCopyLab()));
afterEach(() => lab[Symbol.asyncDispose]());

describe.each(programs.filter((program) => installed(program) !== undefined))('a layer in %s', (program) => {
  const plain = fixtureLayer({ 'etc/plain': 'plain' });
  const other = fixtureLayer({ 'etc/other': 'other' });
  const stored = execFileSync(installed(program)!, ['-c'], { input: plain.tar });
  const packed: FixtureLayer = { ...plain, stored, digest: sha256Digest(stored) };
  const archive = (layer = packed): string =>
    `docker-archive:${writeArchiveFile(
      join(lab.dir, 'in.tar'),
      dockerArchiveFiles([fixtureImage([layer, other], { names: ['app:1'] })]),
    )}`;

  it.each([
    ['keep', undefined, null],
    ['gzip', 'gzip', 'gzip'],
    ['zstd', 'zstd', 'zstd'],
  ] as const)('is copied as what a layer can be: %s', async (_what, compression, expected) => {
    const to = `oci:${join(lab.dir, 'out')}`;
    const [result] = copied(await lab.copy([archive()], to, compression === undefined ? {} : { compression }));
    expect([result!.equality, result!.sent.layers]).toEqual(['manifest', 2]);
    const { items } = await readAll(to, lab.formats.context);
    const layers = items.flatMap((item) => (item.kind === 'modern' ? item.layers : []));
    expect(layers.map(({ diffId }) => diffId)).toEqual([plain.diffId, other.diffId]);
    for (const { blob, mediaType, diffId } of layers) {
      expect(mediaType).toBe(`application/vnd.oci.image.layer.v1.tar${expected === null ? '' : `+${expected}`}`);
      const { pool, limits } = lab.formats.context;
      const input = { source: { from: 'blob', blob: inFile(blob) } as const, expected: { diffId }, limits };
      expect((await pool.run('layer.digest', input)).diffId).toBe(diffId);
    }
  });

  it.each([
    ['as it is', {}],
    ['packed', { compression: 'zstd' as const }],
  ])('that is not the one of its DiffID is refused, %s, and nothing stays', async (_what, options) => {
    const wrong = { ...packed, diffId: fixtureLayer({ other: 'other' }).diffId };
    const [result] = await lab.copy([archive(wrong)], `oci:${join(lab.dir, 'out')}`, options);
    expect(result!.error).toMatchObject({ code: 'DIFF_ID_MISMATCH', details: { actual: plain.diffId } });
    expect(readdirSync(lab.dir).filter((name) => name !== 'in.tar' && name !== 'out')).toEqual([]);
  });

  it('that is cut off is refused', async () => {
    const cut = { ...packed, stored: stored.subarray(0, -10) };
    const [result] = await lab.copy([archive(cut)], `oci:${join(lab.dir, 'out')}`);
    expect(result!.error?.code).toBe('COMPRESSION_INVALID');
  });
});
