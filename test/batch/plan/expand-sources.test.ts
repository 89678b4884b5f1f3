import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BatchEntry } from '../../../src/batch/batch.ts';
import { expandSources } from '../../../src/batch/plan/expand-sources.ts';
import { OCI_MANIFEST } from '../../../src/image/media-types.ts';
import { codeOf } from '../../support/code-of.ts';
import { openRegistryLab, type RegistryLab } from '../../support/registry-lab.ts';

const IDLE = new AbortController().signal;

/** `ENTRY LOCATION`, with the code of the error where there is one. */
async function expanded(
  entries: (Pick<BatchEntry, 'source'> & Partial<BatchEntry>)[],
  { registries, signal = IDLE }: { registries?: RegistryLab['registries']; signal?: AbortSignal } = {},
): Promise<string[]> {
  const batch = { entries: entries.map((entry) => ({ target: 'null:', ...entry })), limits: {} };
  const found: string[] = [];
  for await (const { entry, location, error } of expandSources(batch, { registries, signal }))
    found.push([entry, location, ...(error === null ? [] : [error.code])].join(' '));
  return found;
}

describe('files', () => {
  let scratch: string;
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'layermill-expand-'));
    mkdirSync(join(scratch, 'sub dir/deep'), { recursive: true });
    for (const name of ['b.tar', 'a.tar', '.hidden.tar', 'c:1.tar', 'sub dir/d.tar', 'sub dir/deep/e.tar', 'README'])
      writeFileSync(join(scratch, name), '');
    for (const name of ['l2', 'l1']) mkdirSync(join(scratch, name));
  });
  afterEach(() => rmSync(scratch, { recursive: true, force: true }));

  const fitting = async (pattern: string): Promise<string[]> => {
    const found = await expanded([{ source: { type: 'pattern', location: pattern } }]);
    return found.map((line) => line.replaceAll(scratch, 'S'));
  };

  it.each([
    ['docker-archive:S/*.tar', ['0 docker-archive:S/a.tar', '0 docker-archive:S/b.tar', '0 S/c:1.tar']],
    ['docker-archive:S/[ab].tar:app:1', ['0 docker-archive:S/a.tar:app:1', '0 docker-archive:S/b.tar:app:1']],
    ['S/sub*/*', ['0 S/sub dir/d.tar']],
    ['S/**/*.tar', ['0 S/a.tar', '0 S/b.tar', '0 S/c:1.tar', '0 S/sub dir/d.tar', '0 S/sub dir/deep/e.tar']],
    ['S/{a,.hidden}.tar', ['0 S/.hidden.tar', '0 S/a.tar']],
    ['oci:S/l*', ['0 oci:S/l1', '0 oci:S/l2']],
    ['dir:S/*', ['0 dir:S/l1', '0 dir:S/l2', '0 dir:S/sub dir']],
    ['S/a.tar', ['0 S/a.tar']],
    ['S/*.zip', ['0 S/*.zip FILE_NOT_FOUND']],
    ['oci:S/*.tar', ['0 oci:S/*.tar FILE_NOT_FOUND']],
    ['S/none/*', ['0 S/none/* FILE_NOT_FOUND']],
  ])('%s', async (pattern, expected) => {
    expect(await fitting(pattern.replace('S/', `${scratch}/`))).toEqual(expected);
  });

  it('below the working directory stay relative', async () => {
    const below = relative(process.cwd(), scratch);
    expect(await expanded([{ source: { type: 'pattern', location: `${below}/?.tar` } }])).toEqual([
      `0 ${below}/a.tar`,
      `0 ${below}/b.tar`,
    ]);
  });

  it('that links give several names are one', async () => {
    symlinkSync('a.tar', join(scratch, 'z.tar'));
    symlinkSync('.', join(scratch, 'sub dir/loop'));
    expect(await fitting(`${scratch}/[a-z].tar`)).toEqual(['0 S/a.tar', '0 S/b.tar']);
    expect(await fitting(`${scratch}/sub dir/**`)).toEqual(['0 S/sub dir/d.tar', '0 S/sub dir/deep/e.tar']);
  });

  it('a directory that cannot be looked into is told of', async () => {
    const { geteuid, seteuid } = process;
    const closed = join(scratch, 'sub dir/deep');
    chmodSync(scratch, 0o755);
    chmodSync(closed, 0);
    const isRoot = geteuid?.() === 0;
    if (isRoot) seteuid!(65_534);
    try {
      expect(await fitting(`${scratch}/**/*.tar`)).toEqual(['0 S/**/*.tar PERMISSION_DENIED']);
      expect(await fitting(`${scratch}/*.tar`)).toHaveLength(3);
    } finally {
      if (isRoot) seteuid!(0);
      chmodSync(closed, 0o755);
    }
  });

  it('one place stays one place, and entries keep their order', async () => {
    const source = (location: string): BatchEntry['source'] => ({ type: 'location', location });
    const entries = [
      { source: source('docker-root:/var/lib/docker') },
      { source: { type: 'pattern' as const, location: `${scratch}/none` } },
      { source: source('a*.tar') },
    ];
    expect((await expanded(entries)).map((line) => line.replaceAll(scratch, 'S'))).toEqual([
      '0 docker-root:/var/lib/docker',
      '1 S/none FILE_NOT_FOUND',
      '2 a*.tar',
    ]);
  });
});

describe('registries', () => {
  let lab: RegistryLab;
  beforeEach(async () => {
    lab = await openRegistryLab({ pageSize: 2 });
    const names = ['team/app:1.0', 'team/app:1.10', 'team/app:1.9', 'team/app:latest', 'team/web:2.0', 'base:1.0'];
    for (const name of names) {
      const [repository = '', tag = ''] = name.split(':');
      lab.registry.addManifest(repository, tag, Buffer.from('{}'), OCI_MANIFEST);
    }
    lab.registry.addManifest('team/app', `sha256-${'a'.repeat(64)}.sig`, Buffer.from('{}'), OCI_MANIFEST);
  });
  afterEach(() => lab[Symbol.asyncDispose]());

  const listed = async (entry: Pick<BatchEntry, 'source'> & Partial<BatchEntry>): Promise<string[]> => {
    const found = await expanded([entry], lab);
    return found.map((line) => line.replaceAll(lab.registry.host, 'R'));
  };
  const repository = (name: string): BatchEntry['source'] => ({
    type: 'repository',
    location: `docker://${lab.registry.host}/${name}`,
  });
  const whole = (repositories?: { allow?: string[]; deny?: string[] }): BatchEntry['source'] => ({
    type: 'registry',
    location: `docker://${lab.registry.host}`,
    ...(repositories === undefined ? {} : { repositories }),
  });

  it('all tags of a repository, but for those about images', async () => {
    expect(await listed({ source: repository('team/app') })).toEqual([
      '0 docker://R/team/app:1.0',
      '0 docker://R/team/app:1.10',
      '0 docker://R/team/app:1.9',
      '0 docker://R/team/app:latest',
    ]);
  });

  it('those that the filter lets through', async () => {
    const filtered = (filter: BatchEntry['filter']): Promise<string[]> =>
      listed({ source: repository('team/app'), filter });
    expect(await filtered({ allow: ['latest'] })).toEqual(['0 docker://R/team/app:latest']);
    expect(await filtered({ semver: ['*'], newest: 1 })).toEqual(['0 docker://R/team/app:1.10']);
    expect(await filtered({ allow: ['none'] })).toEqual(['0 docker://R/team/app NOTHING_TO_COPY']);
    expect(await filtered({ newest: 1 })).toHaveLength(4);
  });

  it('all repositories, and those that are wanted', async () => {
    expect(await listed({ source: whole(), filter: { semver: ['>=1.9'] } })).toEqual([
      '0 docker://R/team/app:1.10',
      '0 docker://R/team/app:1.9',
      '0 docker://R/team/web:2.0',
    ]);
    expect(await listed({ source: whole({ allow: ['team/.*'], deny: ['.*/app'] }) })).toEqual([
      '0 docker://R/team/web:2.0',
    ]);
    expect(await listed({ source: whole({ allow: ['team'] }) })).toEqual(['0 docker://R NOTHING_TO_COPY']);
    expect(await listed({ source: whole(), filter: { allow: ['none'] } })).toEqual(['0 docker://R NOTHING_TO_COPY']);
  });

  it('a repository that has gone is skipped, and one that fails is told of', async () => {
    const gone = { errors: [{ code: 'NAME_UNKNOWN' }] };
    lab.registry.fail({ path: /base\/tags/ }, { is: 'status', status: 404, body: JSON.stringify(gone) });
    lab.registry.fail({ path: /web\/tags/ }, { is: 'status', status: 403 }, 9);
    expect(await listed({ source: whole(), filter: { allow: ['1.0', '2.0'] } })).toEqual([
      '0 docker://R/team/app:1.0',
      '0 docker://R/team/web REGISTRY_UNAUTHORIZED',
    ]);
    lab.registry.fail({ path: /base\/tags/ }, { is: 'status', status: 404, body: JSON.stringify(gone) });
    expect(await listed({ source: repository('base') })).toEqual(['0 docker://R/base REGISTRY_REFUSED']);
  });

  it('what nobody could ask for is told of', async () => {
    lab.registry.addManifest('base', '..', Buffer.from('{}'), OCI_MANIFEST);
    lab.registry.addManifest('Odd/../x', '1', Buffer.from('{}'), OCI_MANIFEST);
    expect(await listed({ source: whole({ deny: ['team/.*'] }) })).toEqual([
      expect.stringMatching(/^0 docker:\/\/R\/Odd\/\.\.\/x INVALID_NAME$/),
      '0 docker://R/base:.. INVALID_TAG',
      '0 docker://R/base:1.0',
    ]);
  });

  it('a catalog that is not given away is the end of its entry only', async () => {
    lab.registry.fail({ path: /_catalog/ }, { is: 'status', status: 403 }, 9);
    const found = await expanded([{ source: whole() }, { source: repository('base') }], lab);
    expect(found.map((line) => line.replaceAll(lab.registry.host, 'R'))).toEqual([
      '0 docker://R REGISTRY_UNAUTHORIZED',
      '1 docker://R/base:1.0',
    ]);
  });

  it('nothing more is asked after the end', async () => {
    const control = new AbortController();
    control.abort();
    const all = expanded([{ source: whole() }], { registries: lab.registries, signal: control.signal });
    expect(await codeOf(all)).toBe('CANCELLED');
    expect(lab.registry.seen).toEqual([]);
  });
});
