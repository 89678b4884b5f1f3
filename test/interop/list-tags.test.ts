import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DockerRegistry, startDockerRegistry } from '../support/docker-registry.ts';
import { dirFiles, fixtureImage, fixtureLayer, writeDirectory } from '../support/image-fixture.ts';
import { layermill, layermillJson, missing, run } from '../support/programs.ts';

const absent = missing(['docker-registry', 'openssl', 'htpasswd', 'skopeo']);
if (absent.length > 0) console.log(`skipped: ${absent.join(' and ')} not installed`);

const USER = { name: 'ada', password: 'lovelace' };

describe.skipIf(absent.length > 0)("tags in Docker's registry", () => {
  let work: string;
  let registry: DockerRegistry;
  const tags = ['1.0', '1.1', 'latest'];
  const place = (): string => `docker://${registry.host}/team/app`;
  const credentials = `${USER.name}:${USER.password}`;

  beforeAll(async () => {
    work = mkdtempSync(join(tmpdir(), 'layermill-interop-tags-'));
    registry = await startDockerRegistry(USER);
    writeFileSync(join(work, 'ca.crt'), registry.ca!);
    const image = writeDirectory(join(work, 'image'), dirFiles(fixtureImage([fixtureLayer({ a: 'b' })])));
    for (const tag of tags) {
      run(
        'skopeo',
        'copy',
        '-q',
        '--dest-cert-dir',
        work,
        '--dest-creds',
        credentials,
        `dir:${image}`,
        `${place()}:${tag}`,
      );
    }
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    rmSync(work, { recursive: true });
  });

  it('are those that skopeo lists', () => {
    const theirs = JSON.parse(run('skopeo', 'list-tags', '--cert-dir', work, '--creds', credentials, place())) as {
      Repository: string;
      Tags: string[];
    };
    const [ours] = layermillJson(join(work, 'store'), 'list-tags', place(), '--cert-dir', work, '--creds', credentials);
    expect(ours).toEqual({ repository: theirs.Repository, tags: theirs.Tags });
    expect(theirs.Tags.toSorted()).toEqual(tags);
  });

  it('are of repositories that it lists', () => {
    const mine = ['--cert-dir', work, '--creds', credentials];
    const host = `docker://${registry.host}`;
    expect(layermill(join(work, 'store'), 'list-tags', host, ...mine)).toBe('team/app\n');
  });

  it('go with the image that they share', () => {
    const mine = ['--cert-dir', work, '--creds', credentials];
    const [first, second] = ['gone', 'too'].map((tag) => `docker://${registry.host}/team/old:${tag}`) as [
      string,
      string,
    ];
    for (const place of [first, second])
      run(
        'skopeo',
        'copy',
        '-q',
        '--dest-cert-dir',
        work,
        '--dest-creds',
        credentials,
        `dir:${join(work, 'image')}`,
        place,
      );
    const remove = (...args: string[]): string => layermill(join(work, 'store'), 'delete', ...mine, ...args);
    expect(() => remove(first)).toThrow(/has other tags.*too/);
    expect(remove('--all-tags', first)).toContain('deleted: ');
    const inspect = (): string => run('skopeo', 'inspect', '--cert-dir', work, '--creds', credentials, second);
    expect(inspect).toThrow(/manifest unknown/);
  });

  it('are for those who may see them', () => {
    const asNobody = (): string =>
      layermill(join(work, 'store'), 'list-tags', place(), '--cert-dir', work, '--no-creds');
    expect(asNobody).toThrow(/answers 401/);
  });
});
