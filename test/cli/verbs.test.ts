import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostPlatform } from '../../src/image/platform.ts';
import { CliLab } from '../support/cli-lab.ts';
import {
  dockerArchiveFiles,
  fixtureImage,
  fixtureLayer,
  FixtureLayout,
  named,
  writeArchiveFile,
  writeDirectory,
} from '../support/image-fixture.ts';
import { isDevice, makeFifo, makeSink } from '../support/special-files.ts';

const base = fixtureLayer({ 'etc/os-release': 'ID=demo\n', 'bin/sh': '#!' });
const app = fixtureLayer({ 'app/main': 'print' });
const small = fixtureImage([base], { names: ['team/base:1'] });
const large = fixtureImage([base, app], { names: ['team/app:1', 'team/app:latest'] });

describe('importing and looking', () => {
  let lab: CliLab;
  const id = large.configDigest.slice('sha256:'.length);

  beforeAll(async () => {
    lab = new CliLab();
    writeArchiveFile(lab.path('images.tar'), dockerArchiveFiles([small, large]));
    const { code, lines } = await lab.run('import', '--json', lab.path('images.tar'));
    expect(code).toBe(0);
    const byRef = (lines as { ref: string }[]).toSorted((a, b) => (a.ref < b.ref ? -1 : 1));
    expect(byRef).toMatchObject([
      { ref: 'team/app:1', configDigest: large.configDigest, id, layers: 2, names: ['team/app:1', 'team/app:latest'] },
      { ref: 'team/base:1', configDigest: small.configDigest, layers: 1 },
    ]);
    for (const line of byRef) {
      expect(Object.keys(line).sort()).toEqual([
        'bytes',
        'configDigest',
        'equal',
        'id',
        'layers',
        'names',
        'ref',
        'registered',
        'reused',
        'seconds',
        'source',
      ]);
    }
  });
  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
  });

  it('images lists names and heads, layers only with --all', async () => {
    const [images] = await lab.json<{ id: string; configDigest: string }[]>('images');
    expect(images!.map((image) => image.configDigest).toSorted()).toEqual(
      [small.configDigest, large.configDigest].toSorted(),
    );
    const line = images!.find((image) => image.id === id)!;
    expect(Object.keys(line)).toEqual([
      'id',
      'parent',
      'names',
      'created',
      'size',
      'virtualSize',
      'diffId',
      'configDigest',
    ]);
    expect(line).toMatchObject({ names: ['team/app:1', 'team/app:latest'], diffId: app.diffId, size: 0 });
    const [all] = await lab.json<unknown[]>('images', '--all');
    expect(all).toHaveLength(4);
  });

  it('images is a table for people', async () => {
    const { stdout } = await lab.run('images');
    const [title, ...rows] = stdout.toString().trimEnd().split('\n');
    expect(title).toMatch(/^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE +VIRTUAL$/);
    expect(rows).toHaveLength(3);
    expect(rows.find((row) => row.includes('latest'))).toMatch(
      new RegExp(`^team/app +latest +${id.slice(0, 12)} +\\d+ years ago +`),
    );
  });

  it('inspect knows names, ids and beginnings of ids', async () => {
    const [wanted] = await lab.json('inspect', 'team/app');
    expect(Object.keys(wanted!)).toEqual([
      'id',
      'names',
      'parent',
      'created',
      'size',
      'virtualSize',
      'configDigest',
      'layers',
      'config',
    ]);
    expect(wanted).toMatchObject({
      id,
      layers: [{ diffId: base.diffId }, { diffId: app.diffId }],
      config: { os: 'linux', history: [{ created_by: 'step 0' }, { created_by: 'step 1' }] },
    });
    for (const name of ['docker.io/team/app:1', id, id.slice(0, 12), large.configDigest]) {
      expect(await lab.json('inspect', name)).toEqual([wanted]);
    }
  });

  it('inspect --raw gives the bytes of the config', async () => {
    const { stdout } = await lab.run('inspect', '--raw', 'team/app:1');
    expect(stdout).toEqual(large.config);
  });

  it('history, heads and tree agree on what is built on what', async () => {
    const [steps] = await lab.json<{ id: string; createdBy: string }[]>('history', 'team/app:1');
    expect(steps!.map((step) => step.createdBy)).toEqual(['step 1', 'step 0']);
    const [heads] = await lab.json<string[]>('heads');
    expect(heads!.toSorted()).toEqual([small, large].map((image) => image.configDigest.slice(7)).toSorted());
    const [nodes] = await lab.json<{ id: string; parent: string | null; depth: number }[]>('tree');
    expect(nodes!.find((node) => node.id === id)).toMatchObject({ parent: steps![0]!.id, depth: 2 });
    expect((await lab.run('tree')).stdout.toString()).toMatch(
      /^\w{12} .*\n(.*\n)*.*[├└]─ \w{12} .* {2}team\/app:1, team\/app:latest\n/,
    );
  });

  it.each(['gzip:zlib', 'gzip:pako', 'gzip:libdeflate', 'gzip:isal'])('packs with %s, and says so', async (name) => {
    const to = lab.path(name.replace(':', '-'));
    const { code, stdout, stderr } = await lab.run('layer', 'team/app:1', '-o', to, '--compression', name, '--json');
    if (code === 2) {
      // neither library is on every machine
      expect(stderr).toContain('is not installed');
      expect(process.env['LAYERMILL_TEST_LIBRARIES']).toBeUndefined();
      console.warn(`skipped: ${stderr.trim()}`);
      return;
    }
    const profile = expect.stringMatching(new RegExp(String.raw`^${name}/[\w.-]+:l[2-6]:[bm]1M$`)) as string;
    expect(JSON.parse(stdout.toString())).toMatchObject({ compression: 'gzip', profile, diffId: app.diffId });
    expect(gunzipSync(readFileSync(to))).toEqual(app.tar);
    const [exported] = await lab.json('export', 'team/app:1', '--to', `oci:${to}.oci`, '--compression', name);
    expect(exported).toMatchObject({ ref: 'team/app:1', profile });
  });

  it('layer writes the bytes that came, to a file or to a pipe', async () => {
    const [line] = await lab.json('layer', 'team/app:1', '-o', lab.path('layer.tar'));
    expect(line).toEqual({
      id: expect.stringMatching(/^[a-f0-9]{64}$/) as string,
      diffId: app.diffId,
      digest: app.diffId,
      size: app.tar.length,
      compression: 'none',
      profile: 'none',
      path: lab.path('layer.tar'),
    });
    expect(readFileSync(lab.path('layer.tar'))).toEqual(app.tar);
    expect((await lab.run('layer', id)).stdout).toEqual(app.tar);
  });

  it('layer writes into a device or a FIFO, through a link, and into what stdout is already', async () => {
    if (makeSink(lab.path('null'))) {
      expect((await lab.run('layer', id, '-o', lab.path('null'))).code).toBe(0);
      expect(isDevice(lab.path('null'))).toBe(true);
    }
    makeFifo(lab.path('fifo'));
    const reading = readFile(lab.path('fifo'));
    expect((await lab.run('layer', id, '-o', lab.path('fifo'))).code).toBe(0);
    expect(lstatSync(lab.path('fifo')).isFIFO()).toBe(true);
    expect(await reading).toEqual(app.tar);

    symlinkSync('behind.tar', lab.path('link'));
    await lab.json('layer', id, '-o', lab.path('link'));
    expect(readlinkSync(lab.path('link'))).toBe('behind.tar');
    expect(readFileSync(lab.path('behind.tar'))).toEqual(app.tar);

    expect((await lab.run('layer', id, '-o', '/proc/self/fd/1')).stdout).toEqual(app.tar);
    expect(lab.leftOvers()).toEqual([]);
  });

  it('unpack makes the tree, and refuses a directory that is not empty', async () => {
    const [line] = await lab.json('unpack', 'team/app:1', lab.path('tree'));
    expect(line).toMatchObject({ id, path: lab.path('tree') });
    expect(readFileSync(lab.path('tree/etc/os-release'), 'utf8')).toBe('ID=demo\n');
    expect(readFileSync(lab.path('tree/app/main'), 'utf8')).toBe('print');
    const again = await lab.run('unpack', 'team/base:1', lab.path('tree'));
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('not empty') as string]);
    expect(readdirSync(lab.path('tree/app'))).toEqual(['main']);
  });

  it('export writes what import reads, and says what stayed equal', async () => {
    const [line] = await lab.json('export', 'team/app:1', '--to', `oci:${lab.path('layout')}`, '--compression', 'gzip');
    expect(line).toMatchObject({
      ref: 'team/app:1',
      id,
      configDigest: large.configDigest,
      layers: 2,
      manifestDigest: expect.stringMatching(/^sha256:/) as string,
    });
    expect(line!['equal']).toMatch(/same config and DiffIDs; new manifest/);
    await using other = new CliLab();
    expect(await other.json('import', `oci:${lab.path('layout')}`)).toMatchObject([{ id, names: ['team/app:1'] }]);
    const [kept] = await other.json('export', 'team/app:1', '--to', `oci:${other.path('again')}`, '--preserve-digests');
    expect(kept!['equal']).toMatch(/identical/);
    expect(kept!['manifestDigest']).toBe(line!['manifestDigest']);
  });

  it('an archive on stdout is not mixed with results', async () => {
    const { code, stdout, stderr } = await lab.run('export', 'team/base:1', '--to', 'docker-archive:-', '--json');
    expect([code, stderr.includes('team/base:1')]).toEqual([0, true]);
    await using other = new CliLab();
    const imported = await other.runWith({ input: stdout }, 'import', '--json', '-');
    expect(imported.lines).toMatchObject([{ configDigest: small.configDigest }]);
    expect(other.leftOvers()).toEqual([]);
  });

  it('leaves nothing unfinished', () => {
    expect(lab.leftOvers()).toEqual([]);
  });
});

describe('making and removing', () => {
  it('create puts images on top of one another', async () => {
    await using lab = new CliLab();
    mkdirSync(lab.path('base'));
    writeFileSync(lab.path('base/hello'), 'hello');
    const [first] = await lab.json('create', lab.path('base'), '--tag', 'base:1', '-m', 'the first', '-a', 'me');
    expect(first).toMatchObject({
      parent: null,
      names: ['base:1'],
      size: 5,
      diffId: expect.stringMatching(/^sha256:/) as string,
    });
    writeFileSync(lab.path('app.tar'), app.tar);
    writeFileSync(lab.path('config.json'), '{"Cmd":["/app/main"],"Env":["A=b"]}');
    const [second] = await lab.json(
      'create',
      lab.path('app.tar'),
      '--parent=base:1',
      '--tag=app:1',
      `--image-config=${lab.path('config.json')}`,
    );
    expect(second).toMatchObject({ parent: first!['id'], diffId: app.diffId });
    const [inspected] = await lab.json('inspect', 'base:1');
    expect(inspected!['config']).toMatchObject({ comment: 'the first', author: 'me', docker_version: '0.11.1' });
    const [child] = await lab.json('inspect', 'app:1');
    expect(child!['config']).toMatchObject({ config: { Cmd: ['/app/main'], Env: ['A=b'] } });
  });

  it('create --rootfs adds what a whole tree changes', async () => {
    await using lab = new CliLab();
    mkdirSync(lab.path('base'));
    writeFileSync(lab.path('base/stays'), 'stays');
    writeFileSync(lab.path('base/goes'), 'goes');
    await lab.json('create', lab.path('base'), '--tag', 'base');
    await lab.json('unpack', 'base', lab.path('tree'));
    writeFileSync(lab.path('tree/new'), 'new');
    rmSync(lab.path('tree/goes'));
    await lab.json('create', '--rootfs', lab.path('tree'), '--parent', 'base', '--tag', 'changed');
    await lab.json('unpack', 'changed', lab.path('out'));
    expect(readdirSync(lab.path('out')).toSorted()).toEqual(['new', 'stays']);
    const tar = (await lab.run('layer', 'changed')).stdout.toString('latin1');
    expect([tar.includes('new'), tar.includes('.wh.goes'), tar.includes('stays')]).toEqual([true, true, false]);
  });

  it('tag, untag and rm move names, and rm takes what nothing needs', async () => {
    await using lab = new CliLab();
    writeArchiveFile(lab.path('images.tar'), dockerArchiveFiles([small, large]));
    await lab.json('import', lab.path('images.tar'));
    await lab.json('tag', 'team/app:1', 'localhost:5000/a/b:c');
    const taken = await lab.run('tag', 'team/base:1', 'localhost:5000/a/b:c');
    expect([taken.code, taken.stderr]).toEqual([2, expect.stringContaining('--force') as string]);
    expect(await lab.json('untag', 'localhost:5000/a/b:c')).toEqual([{ untagged: 'localhost:5000/a/b:c' }]);

    const id = large.configDigest.slice('sha256:'.length);
    const several = await lab.run('rm', id);
    expect([several.code, several.stderr]).toEqual([2, expect.stringContaining('team/app:latest') as string]);
    expect(await lab.json('rm', 'team/app:1')).toEqual([[{ untagged: 'team/app:1' }]]);
    // The last name: the head goes, and the layer that only it had; the other one is needed.
    const [removed] = await lab.json<unknown[]>('rm', 'team/app');
    expect(removed).toEqual([
      { untagged: 'team/app:latest' },
      { deleted: id },
      { deleted: expect.stringMatching(/^[a-f0-9]{64}$/) as string },
    ]);
    expect((await lab.run('rm', 'team/base:1')).stdout.toString()).toMatch(
      /^untagged: team\/base:1\n(deleted: \w{64}\n){2}$/,
    );
    expect(await lab.json('images', '--all')).toEqual([[]]);
    expect(lab.leftOvers()).toEqual([]);
  });

  it('rm --platform takes one of the images that a name has', async () => {
    await using lab = new CliLab();
    const platforms = [hostPlatform().architecture, 's390x'];
    const images = platforms.map((architecture) =>
      fixtureImage([fixtureLayer({ architecture })], { config: { architecture } }),
    );
    const [here, there] = images.map(({ configDigest }) => configDigest.slice('sha256:'.length)) as [string, string];
    const layout = new FixtureLayout();
    const members = images.map((image, at) => ({
      ...layout.image(image),
      platform: { os: 'linux', architecture: platforms[at]! },
    }));
    layout.list([named(layout.index(members), 'multi:1')]);
    await lab.json('import', `oci:${writeDirectory(lab.path('layout'), layout.files)}`);

    const [removed] = await lab.json<unknown[]>('rm', 'multi:1', '--platform', 'linux/s390x');
    expect(removed).toEqual([{ deleted: there }, { deleted: expect.stringMatching(/^[a-f0-9]{64}$/) as string }]);
    expect(await lab.json('inspect', 'multi:1')).toMatchObject([{ id: here, names: ['multi:1'] }]);
    const gone = await lab.run('--json', 'inspect', 'multi:1', '--platform', 'linux/s390x');
    expect([gone.code, gone.lines]).toMatchObject([2, [{ error: { code: 'UNSUPPORTED_PLATFORM' } }]]);
    const [rest] = await lab.json<unknown[]>('rm', 'multi:1', '--platform', `linux/${platforms[0]}`);
    expect(rest).toMatchObject([{ untagged: 'multi:1' }, { deleted: here }, {}]);
  });

  it('rm --no-prune keeps the layers', async () => {
    await using lab = new CliLab();
    writeArchiveFile(lab.path('images.tar'), dockerArchiveFiles([small]));
    await lab.json('import', lab.path('images.tar'));
    expect(await lab.json<unknown[]>('rm', '--no-prune', 'team/base:1')).toEqual([
      [{ untagged: 'team/base:1' }, { deleted: small.configDigest.slice(7) }],
    ]);
    const [all] = await lab.json<unknown[]>('images', '--all');
    expect(all).toHaveLength(1);
    expect(await lab.json('images')).toEqual([[]]);
  });

  it('rm drops a name although it is a part of the id of its image', async () => {
    await using lab = new CliLab();
    writeArchiveFile(lab.path('images.tar'), dockerArchiveFiles([small]));
    await lab.json('import', lab.path('images.tar'));
    const id = small.configDigest.slice('sha256:'.length);
    const inside = id.slice(5, 20);
    // Nor is a part that is no beginning an id.
    expect((await lab.run('rm', '--force', inside)).code).not.toBe(0);
    for (const name of [inside, id.slice(0, 15)]) {
      await lab.json('tag', 'team/base:1', name);
      expect(await lab.json('rm', '--force', name)).toEqual([[{ untagged: `${name}:latest` }]]);
    }
    expect(await lab.json('inspect', 'team/base:1')).toMatchObject([{ id }]);
  });

  it('rm never takes an image that others are built on', async () => {
    await using lab = new CliLab();
    mkdirSync(lab.path('files'));
    const [base] = await lab.json<{ id: string }>('create', lab.path('files'), '--tag', 'base');
    await lab.json('create', lab.path('files'), '--parent', 'base', '--tag', 'app');
    const byId = await lab.run('rm', '--json', base!.id);
    expect([byId.code, byId.lines]).toMatchObject([
      2,
      [[{ source: null, ref: base!.id, error: { code: 'IMAGE_HAS_CHILDREN' } }]],
    ]);
    expect(await lab.json('rm', 'base')).toEqual([[{ untagged: 'base:latest' }]]);
    expect(await lab.json('inspect', 'app')).toMatchObject([{ parent: base!.id }]);
  });

  it('init-layer prepares the mount points', async () => {
    await using lab = new CliLab();
    mkdirSync(lab.path('root'));
    await lab.json('init-layer', lab.path('root'));
    expect(existsSync(lab.path('root/etc/resolv.conf'))).toBe(true);
  });

  it('--name and --no-clobber decide about names', async () => {
    await using lab = new CliLab();
    writeArchiveFile(lab.path('small.tar'), dockerArchiveFiles([small]));
    writeArchiveFile(lab.path('large.tar'), dockerArchiveFiles([large]));
    expect(await lab.json('import', lab.path('small.tar'), '--name', 'other:1')).toMatchObject([
      { names: ['other:1'] },
    ]);
    const refused = await lab.run('import', '--no-clobber', '--json', '--name', 'other:1', lab.path('large.tar'));
    expect([refused.code, refused.lines]).toMatchObject([3, [{ error: { code: 'TAG_TAKEN' } }]]);
    const moved = await lab.run('import', '--name', 'other:1', lab.path('large.tar'));
    expect([moved.code, moved.stderr]).toEqual([0, expect.stringMatching(/warning: .*other:1 named image/) as string]);
  });

  it('--blobs drop forgets packed bytes', async () => {
    await using lab = new CliLab();
    writeArchiveFile(lab.path('small.tar'), dockerArchiveFiles([small]));
    await lab.json('import', lab.path('small.tar'));
    await lab.json('export', 'team/base:1', '--to', `oci:${lab.path('layout')}`, '--compression', 'zstd');
    await using kept = new CliLab();
    await using dropped = new CliLab();
    await kept.json('import', `oci:${lab.path('layout')}`);
    await dropped.json('import', '--blobs', 'drop', `oci:${lab.path('layout')}`);
    expect(
      (await kept.run('export', 'team/base:1', '--to', `oci:${kept.path('out')}`, '--preserve-digests')).code,
    ).toBe(0);
    expect(
      (await dropped.run('export', 'team/base:1', '--to', `oci:${dropped.path('out')}`, '--preserve-digests')).code,
    ).toBe(5);
    expect(existsSync(dropped.path('out/index.json'))).toBe(false);
  });
});
