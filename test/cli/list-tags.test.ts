import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliLab, type CliResult } from '../support/cli-lab.ts';
import {
  dirFiles,
  dockerArchiveFiles,
  fixtureImage,
  fixtureLayer,
  FixtureLayout,
  json,
  MEDIA,
  named,
  writeArchiveFile,
  writeDirectory,
} from '../support/image-fixture.ts';
import { ScriptedRegistry } from '../support/scripted-registry.ts';

const layer = fixtureLayer({ 'etc/os-release': 'ID=demo\n' });
const first = fixtureImage([layer], { names: ['team/app:1', 'team/app:latest'] });
const second = fixtureImage([layer], { names: ['quay.io/team/tool:2'], config: { comment: 'two' } });

let lab: CliLab;
beforeEach(() => {
  lab = new CliLab();
});
afterEach(() => lab[Symbol.asyncDispose]());

describe('list-tags of a repository', () => {
  let registry: ScriptedRegistry;
  beforeEach(async () => {
    registry = await ScriptedRegistry.open({ pageSize: 2 });
    for (const tag of ['1', '1.0', '2', 'edge', 'latest']) {
      registry.addManifest('team/app', tag, json({ tag }), MEDIA.manifest);
    }
    writeFileSync(lab.path('registries.conf'), `[[registry]]\nlocation = "${registry.host}"\ninsecure = true\n`);
  });
  afterEach(() => registry.close());

  const list = (...args: string[]): Promise<CliResult> => {
    const env = { CONTAINERS_REGISTRIES_CONF: lab.path('registries.conf'), HOME: lab.dir, XDG_RUNTIME_DIR: lab.dir };
    return lab.runWith({ env }, 'list-tags', ...args);
  };

  it('has all of them, from all pages, and asks for nothing else', async () => {
    const { code, stdout } = await list(`docker://${registry.host}/team/app`);
    expect([code, stdout.toString()]).toEqual([0, '1\n1.0\n2\nedge\nlatest\n']);
    expect(registry.requests('GET', /tags\/list/)).toHaveLength(3);
    expect(registry.requests('GET', /manifests|blobs/)).toEqual([]);
  });

  it('says as JSON which repository it is', async () => {
    const { lines } = await list(`docker://${registry.host}/team/app`, '--json');
    expect(lines).toEqual([{ repository: `${registry.host}/team/app`, tags: ['1', '1.0', '2', 'edge', 'latest'] }]);
  });

  it('is of all repositories where a registry alone is named', async () => {
    for (const name of ['a', 'x']) registry.addManifest(name, '1', json({ name }), MEDIA.manifest);
    expect((await list(`docker://${registry.host}`)).stdout.toString()).toBe('a\nteam/app\nx\n');
    const { lines } = await list(`docker://${registry.host}/`, '--json');
    expect(lines).toEqual([{ registry: registry.host, repositories: ['a', 'team/app', 'x'] }]);
  });

  it.each(['app:1', `app@sha256:${'0'.repeat(64)}`])('is not that of one image: %s', async (name) => {
    const { code, stderr } = await list(`docker://${registry.host}/team/${name}`);
    expect(code).toBe(2);
    expect(stderr).toContain(`"docker://${registry.host}/team/app"`);
    expect(registry.seen).toEqual([]);
  });

  it('comes slowly where that is asked for', async () => {
    const place = `docker://${registry.host}/team/app`;
    expect((await list(place, '--requests-per-second', '0')).stderr).toContain(
      '--requests-per-second must be a whole number from 1 to 10000',
    );
    expect((await list(place, '--requests-per-second', '5')).code).toBe(0);
    const pages = registry.requests('GET', /tags/);
    expect(pages.at(-1)!.at - pages[0]!.at).toBeGreaterThan(300);
  });

  it('says what the registry says of one that it does not have', async () => {
    registry.fail({ path: /tags/ }, { is: 'status', status: 404, body: '{"errors":[{"code":"NAME_UNKNOWN"}]}' });
    const { code, stderr, lines } = await list(`docker://${registry.host}/team/none`, '--json');
    expect(code).not.toBe(0);
    expect(stderr).toContain('404 (NAME_UNKNOWN)');
    expect(lines).toMatchObject([{ error: { code: 'REGISTRY_REFUSED' } }]);
  });
});

describe('list-tags of what is no registry', () => {
  it('has the names that images have there', async () => {
    writeArchiveFile(lab.path('images.tar'), dockerArchiveFiles([first, second]));
    const layout = new FixtureLayout();
    const [one, two] = [layout.image(first), layout.image(second)];
    layout.list([named(layout.index([one, two]), 'both', 'docker.io/team/both:1'), named(one, 'quay.io/one:1')]);
    writeDirectory(lab.path('layout'), layout.files);
    const archived = await lab.run('list-tags', lab.path('images.tar'));
    expect(archived.stdout.toString()).toBe('team/app:1\nteam/app:latest\nquay.io/team/tool:2\n');
    expect(await lab.json('list-tags', `oci:${lab.path('layout')}`)).toEqual([
      { repository: null, tags: ['team/both:1', 'quay.io/one:1'] },
    ]);
  });

  it('is empty where nothing has a name', async () => {
    writeDirectory(lab.path('image'), dirFiles(first));
    expect(await lab.json('list-tags', `dir:${lab.path('image')}`)).toEqual([{ repository: null, tags: [] }]);
  });

  it('names the images that can be read, and tells of those that cannot', async () => {
    const files = dockerArchiveFiles([first, second]);
    files.set(`${second.configDigest.slice(7)}.json`, Buffer.from('no config'));
    writeArchiveFile(lab.path('images.tar'), files);
    const { code, stdout, stderr } = await lab.run('list-tags', lab.path('images.tar'));
    expect(stdout.toString()).toBe('team/app:1\nteam/app:latest\n');
    expect(stderr).toContain('quay.io/team/tool:2');
    expect(code).not.toBe(0);
  });
});
