import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestHex, sha256Digest } from '../../src/identity/digest.ts';
import { attachedTo, SBOM_TYPE, signatureOf } from '../support/artifact-fixture.ts';
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

const base = fixtureLayer({ 'etc/os-release': 'ID=demo\n' });
const packed = fixtureLayer({ 'app/main': 'print' }, 'gzip');
const archived = fixtureImage([base], { names: ['team/base:1'] });
const laidOut = fixtureImage([packed], { names: ['team/app:1'] });

let lab: CliLab;
let manifest: string;
beforeEach(() => {
  lab = new CliLab();
  writeArchiveFile(lab.path('images.tar'), dockerArchiveFiles([archived]));
  const layout = new FixtureLayout();
  const descriptor = layout.image(laidOut);
  manifest = descriptor.digest;
  writeDirectory(lab.path('layout'), layout.list([named(descriptor, 'team/app:1')]).files);
});
afterEach(() => lab[Symbol.asyncDispose]());

const layout = (): string => `oci:${lab.path('layout')}`;
const out = (): string => `oci:${lab.path('out')}`;

describe('copy', () => {
  it('brings many sources to one destination, and opens no store', async () => {
    const lines = await lab.json('copy', lab.path('images.tar'), layout(), out());
    expect(lines).toMatchObject([
      { destination: out(), names: ['team/base:1'], equality: 'manifest', sent: { layers: 1 }, dryRun: false },
      { names: ['team/app:1'], equality: 'identical', manifestDigest: manifest },
    ]);
    expect(existsSync(lab.store)).toBe(false);
    expect(lab.leftOvers()).toEqual([]);
  });

  it('says in a line what came and what stayed the same', async () => {
    const { code, stdout } = await lab.run('copy', layout(), out());
    expect(code).toBe(0);
    expect(stdout.toString()).toMatch(
      /^team\/app:1 {2}[0-9a-f]{12} {2}linux\/amd64 {2}1 layer, \d+ B \(1 sent\) in \d+\.\d s {2}identical bytes/,
    );
  });

  it('keeps packed layers for the next run, and says so of nothing else', async () => {
    const args = ['copy', lab.path('images.tar'), out(), '--dest-compress-format', 'zstd'];
    const [first] = await lab.json(...args);
    expect(first).toMatchObject({ profile: expect.stringMatching(/^zstd\//) });
    expect(readdirSync(join(lab.cache, 'layermill/blobs/sha256'))).toHaveLength(1);
    expect(await lab.json(...args)).toMatchObject([{ sent: { layers: 0, bytes: 0 } }]);
  });

  it('keeps nothing where that is not wanted, or elsewhere', async () => {
    const args = ['copy', lab.path('images.tar'), out(), '--dest-compress-format', 'gzip'];
    await lab.json(...args, '--cache', 'none');
    expect(existsSync(lab.cache)).toBe(false);
    await lab.json(...args, '--cache', lab.path('elsewhere'));
    expect(readdirSync(lab.path('elsewhere')).toSorted()).toEqual(['blobs', 'results']);
    const tiny = await lab.runWith(
      { env: { LAYERMILL_CACHE_DIR: lab.path('tiny'), LAYERMILL_CACHE_BYTES: '1' } },
      ...args,
    );
    expect(tiny.code).toBe(0);
    expect(readdirSync(lab.path('tiny/blobs/sha256'))).toEqual([]);
  });

  it('writes digests of manifests', async () => {
    await lab.json('copy', layout(), out(), '--digestfile', lab.path('digest'));
    expect(readFileSync(lab.path('digest'), 'utf8')).toBe(manifest);
    await lab.json('copy', layout(), lab.path('images.tar'), out(), '--digestfile', lab.path('digests'));
    expect(readFileSync(lab.path('digests'), 'utf8')).toMatch(
      /^sha256:\w{64} team\/app:1\nsha256:\w{64} team\/base:1\n$/,
    );
  });

  it('says in a dry run what it would do', async () => {
    const { stdout } = await lab.run('copy', layout(), out(), '--dry-run');
    expect(stdout.toString()).toContain('(1 would be sent)');
    expect(existsSync(lab.path('out'))).toBe(false);
  });

  it('writes nothing at all in a dry run, and makes nothing when an option is wrong', async () => {
    const dry = await lab.run('copy', layout(), out(), '--dry-run', '--digestfile', lab.path('digest'));
    expect([dry.code, existsSync(lab.path('digest'))]).toEqual([0, false]);
    const wrong = await lab.run('copy', layout(), out(), '--cache-size', 'much');
    expect([wrong.code, existsSync(lab.path('out'))]).toEqual([2, false]);
  });

  it('into the store speaks to registries as it was told', async () => {
    const result = await lab.run('copy', 'docker://127.0.0.1:1/app:1', 'store:', '--src-creds', 'nonsense');
    expect([result.code, result.stderr]).toEqual([2, expect.not.stringContaining('127.0.0.1')]);
    const asked = await lab.run('copy', 'docker://127.0.0.1:1/app:1', 'store:', '--retry-times', 'often');
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining('--retry-times must be')]);
    const several = ['--platform', 'linux/amd64', '--platform', 'linux/arm64'];
    const result2 = await lab.run('copy', layout(), 'store:', ...several);
    expect([result2.code, result2.stderr]).toEqual([2, expect.stringContaining('--platform')]);
  });

  it('tells a password to one registry only', async () => {
    const copy = (to: string, ...args: string[]): ReturnType<CliLab['run']> =>
      lab.run('copy', 'docker://127.0.0.1:1/app:1', to, '--retry-times', '0', '--tls-verify=false', ...args);
    const two = await copy('docker://127.0.0.1:2/app:1', '--creds', 'ada:s3cret');
    expect(two.code).toBe(2);
    expect(two.stderr).toContain('127.0.0.1:1 and 127.0.0.1:2; say whose it is with --src-creds or --dest-creds');
    expect(two.stderr).not.toContain('s3cret');
    const apart = ['--src-creds', 'ada:s3cret', '--dest-creds', 'ada:other'];
    expect((await copy('docker://127.0.0.1:2/app:1', ...apart)).stderr).toContain('ECONNREFUSED');
    expect((await copy('docker://127.0.0.1:1/', '--creds', 'ada:s3cret')).stderr).toContain('ECONNREFUSED');
  });

  it('goes to the standard output, and results to the other one', async () => {
    const { stdout, stderr, code } = await lab.run('copy', layout(), 'oci-archive:-');
    expect([code, stdout.subarray(257, 262).toString()]).toEqual([0, 'ustar']);
    expect(stderr).toContain('team/app:1');
  });

  it('reaches the store by its name', async () => {
    await lab.json('copy', layout(), 'store:');
    expect(await lab.json('copy', 'store:team/app:1', out(), '--preserve-digests')).toMatchObject([
      { manifestDigest: manifest, equality: 'identical' },
    ]);
    await lab.json('copy', 'store:team/app:1', 'store:other:2');
    const rebuilt = await lab.json(
      'copy',
      'store:other:2',
      `docker-archive:${lab.path('o.tar')}`,
      '--dest-compress-format',
      'none',
    );
    expect(rebuilt).toMatchObject([{ configDigest: laidOut.configDigest, names: ['other:2'] }]);
  });

  it.each([
    [['copy', 'one'], 2, 'copy needs sources and a destination'],
    [['copy', '-', '-', 'oci:x'], 2, 'can be read once'],
    [['copy', 'a', 'oci:x', '--dest-compress-level', '3'], 2, 'needs --dest-compress-format'],
    [
      ['copy', 'a', 'oci:x', '--dest-compress-format', 'gzip', '--dest-compress-level', '99'],
      2,
      'level 99 does not exist',
    ],
    [['copy', 'a', 'oci:x', '--cache-size', 'much'], 2, '--cache-size must be'],
    [['copy', 'a', 'store:', '--dest-compress-format', 'gzip'], 2, 'means nothing for the store'],
    [['copy', 'missing.tar', 'oci:x'], 2, 'no such file'],
  ])('%j ends with %i', async (args, code, text) => {
    const result = await lab.run(...args);
    expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(text)]);
  });

  it('that would change more than is allowed is a mismatch', async () => {
    const preserved = await lab.run('copy', lab.path('images.tar'), out(), '--preserve-digests');
    expect(preserved.code).toBe(5);
    const allowed = await lab.run('copy', layout(), out(), '--dest-compress-format', 'zstd', '--allow', 'identical');
    expect([allowed.code, allowed.stderr]).toEqual([5, expect.stringContaining('layers packed anew')]);
    expect(existsSync(lab.path('out'))).toBe(false);
  });

  it('of which one image fails copies the others', async () => {
    const result = await lab.run('copy', '--json', lab.path('missing.tar'), layout(), out());
    expect(result.code).toBe(3);
    expect(result.lines).toMatchObject([{ error: { code: 'FILE_NOT_FOUND' } }, { names: ['team/app:1'] }]);
  });
});

describe('what refers to an image', () => {
  const signed = (): string => {
    const made = new FixtureLayout();
    const image = made.image(laidOut);
    const artifacts = [attachedTo(made, image, 'contents'), signatureOf(made, image)];
    made.list([...artifacts, named(image, 'team/app:1')]);
    return `oci:${writeDirectory(lab.path('signed'), made.files)}`;
  };
  const copiedTo = (): number =>
    (JSON.parse(readFileSync(lab.path('out/index.json'), 'utf8')) as { manifests: unknown[] }).manifests.length;

  it.each(['--referrers', '--include-referrers', '--digest-tags'])('comes along with %s', async (option) => {
    expect(await lab.json('copy', signed(), out(), option)).toMatchObject([
      { names: ['team/app:1'] },
      { kind: 'artifact', destination: out(), subject: manifest, artifactType: SBOM_TYPE },
      { kind: 'artifact', subject: manifest, ref: `${manifest.replace(':', '-')}.sig of team/app:1` },
    ]);
    expect(copiedTo()).toBe(3);
  });

  it('has a line of its own', async () => {
    const { stdout } = await lab.run('copy', signed(), out(), '--referrers');
    expect(stdout.toString()).toContain(` of team/app:1  ${SBOM_TYPE}\n`);
  });

  it('is shown by inspect on request', async () => {
    const source = signed();
    expect(await lab.json('inspect', source, '--referrers')).toMatchObject([
      { kind: 'modern' },
      { kind: 'artifact', subject: manifest, artifactType: SBOM_TYPE, layers: [{ size: 2 }, { size: 8 }] },
      { kind: 'artifact', subject: manifest, ref: `${manifest.replace(':', '-')}.sig of team/app:1` },
    ]);
    const { stdout } = await lab.run('inspect', source, '--referrers');
    expect(stdout.toString()).toMatch(new RegExp(`^Artifact .* of team/app:1$[^]*^Refers to +${manifest}$`, 'm'));
  });

  it('has no place in the store', async () => {
    const { code, stderr } = await lab.run('copy', signed(), 'store:app:1', '--referrers');
    expect(code).toBe(2);
    expect(stderr).toContain('--referrers means nothing for the store');
  });
});

describe('inspect of a source', () => {
  it('tells of every image in it', async () => {
    expect(await lab.json('inspect', `docker-archive:${lab.path('images.tar')}`)).toMatchObject([
      { kind: 'modern', ref: 'team/base:1', configDigest: archived.configDigest, layers: [{ diffId: base.diffId }] },
    ]);
    const { stdout } = await lab.run('inspect', layout());
    expect(stdout.toString()).toContain(manifest);
    expect(stdout.toString()).toContain(packed.diffId);
    expect(existsSync(lab.store)).toBe(false);
  });

  it('gives exact bytes', async () => {
    const config = await lab.run('inspect', layout(), '--raw');
    expect(sha256Digest(config.stdout)).toBe(laidOut.configDigest);
    const raw = await lab.run('inspect', layout(), '--manifest');
    expect(digestHex(sha256Digest(raw.stdout))).toBe(manifest.slice('sha256:'.length));
    const none = await lab.run('inspect', `docker-archive:${lab.path('images.tar')}`, '--manifest');
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('no manifest')]);
  });
});

describe('copy with directories of one image', () => {
  const dir = (): string => `dir:${lab.path('dir')}`;

  it('keeps manifests on the way there and back, and sends nothing twice', async () => {
    const there = { manifestDigest: manifest, equality: 'identical' };
    expect(await lab.json('copy', layout(), dir(), '--preserve-digests')).toMatchObject([
      { ...there, names: ['team/app:1'], sent: { layers: 1 } },
    ]);
    expect(await lab.json('copy', layout(), dir())).toMatchObject([{ ...there, sent: { layers: 0 } }]);
    expect(await lab.json('copy', dir(), `${out()}:team/app:1`)).toMatchObject([{ ...there, names: [] }]);
    expect(lab.leftOvers()).toEqual([]);
  });

  it('makes a manifest where there is none, in the format asked for', async () => {
    await lab.json('copy', lab.path('images.tar'), dir(), '--format', 'docker');
    expect(JSON.parse(readFileSync(lab.path('dir/manifest.json'), 'utf8'))).toMatchObject({
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    });
  });

  it('refuses several images, and leaves what was there', async () => {
    await lab.json('copy', layout(), dir());
    const { code, stderr } = await lab.run('copy', layout(), lab.path('images.tar'), dir());
    expect(code).toBe(2);
    expect(stderr).toContain('holds one image');
    expect(sha256Digest(readFileSync(lab.path('dir/manifest.json')))).toBe(manifest);
  });
});

describe('copy to null:', () => {
  it('answers what a layout would have, and writes nothing', async () => {
    expect(await lab.json('copy', layout(), lab.path('images.tar'), 'null:')).toMatchObject([
      { destination: 'null:', manifestDigest: manifest, equality: 'identical', sent: { layers: 1 } },
      { names: ['team/base:1'] },
    ]);
    expect(lab.leftOvers()).toEqual([]);
  });

  it('finds a layer that is not what its digest says', async () => {
    const damaged = Buffer.from(packed.stored);
    damaged[damaged.length - 1]! ^= 1;
    writeFileSync(lab.path(`layout/blobs/sha256/${digestHex(packed.digest)}`), damaged);
    const { code, stderr } = await lab.run('copy', layout(), lab.path('images.tar'), 'null:');
    expect(code).toBe(3);
    expect(stderr).toContain(packed.digest);
  });
});
