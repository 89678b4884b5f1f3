import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256Digest } from '../../src/identity/digest.ts';
import {
  FixtureLayout,
  fixtureImage,
  fixtureLayer,
  json,
  MEDIA,
  named,
  writeDirectory,
} from '../support/image-fixture.ts';
import { oddImage } from '../support/odd-image.ts';
import { layermill, layermillJson, missing, run } from '../support/programs.ts';

const absent = missing(['skopeo']);
if (absent.length > 0) console.log(`skipped: ${absent.join(' and ')} not installed`);

/** Every file by its name and digest. */
type Files = Record<string, string>;

function filesOf(dir: string): Files {
  return Object.fromEntries(readdirSync(dir).map((name) => [name, sha256Digest(readFileSync(join(dir, name)))]));
}

describe.skipIf(absent.length > 0)('directories of one image, with skopeo', () => {
  const odd = oddImage('interop/odd:1');
  const packed = fixtureLayer({ 'etc/motd': 'hello' }, 'gzip');
  const arm = fixtureImage([packed], { config: { architecture: 'arm64' } });
  let work: string;
  let digests: { one: string; docker: string; all: string };
  const at = (name: string): string => join(work, name);
  const source = (name: string): string => `oci:${at('source')}:${name}`;
  const manifestOf = (dir: string): string => sha256Digest(readFileSync(join(at(dir), 'manifest.json')));
  const copy = (...args: string[]): string => layermill(at('store'), 'copy', ...args);
  const skopeo = (...args: string[]): string => run('skopeo', 'copy', '-q', '--preserve-digests', ...args);
  const listedIn = (layout: string): string[] =>
    (JSON.parse(readFileSync(at(`${layout}/index.json`), 'utf8')) as { manifests: { digest: string }[] }).manifests.map(
      ({ digest }) => digest,
    );

  beforeAll(() => {
    work = mkdtempSync(join(tmpdir(), 'layermill-interop-dir-'));
    const layout = new FixtureLayout();
    const [one, other] = [layout.image(odd), layout.image(arm)];
    const on = (architecture: string): object => ({ platform: { os: 'linux', architecture } });
    const statement = layout.manifest({
      config: layout.blob(fixtureImage([]).config, MEDIA.config),
      layers: [layout.blob(json({ said: 1 }), 'application/vnd.in-toto+json')],
    });
    const all = layout.index([
      { ...one, ...on('amd64') },
      { ...other, ...on('arm64') },
      { ...statement, ...on('unknown'), annotations: { 'vnd.docker.reference.digest': one.digest } },
    ]);
    layout.list([named(one, 'one'), named(all, 'all')]);
    writeDirectory(at('source'), layout.files);
    skopeo(source('one'), `dir:${at('skopeo-one')}`);
    skopeo('--all', source('all'), `dir:${at('skopeo-all')}`);
    run('skopeo', 'copy', '-q', '--format', 'v2s2', source('one'), `dir:${at('skopeo-docker')}`);
    digests = { one: one.digest, docker: manifestOf('skopeo-docker'), all: all.digest };
  });
  afterAll(() => {
    execFileSync('chmod', ['-R', 'u+rwX', work]);
    rmSync(work, { recursive: true });
  });

  it.each(['one', 'all'] as const)('are the same files that skopeo writes: %s', (name) => {
    copy(source(name), `dir:${at(`ours-${name}`)}`, '--preserve-digests');
    expect(filesOf(at(`ours-${name}`))).toEqual(filesOf(at(`skopeo-${name}`)));
    expect(manifestOf(`ours-${name}`)).toBe(digests[name]);
  });

  it.each(['one', 'docker', 'all'] as const)('that skopeo wrote are read with all digests: %s', (name) => {
    copy(`dir:${at(`skopeo-${name}`)}`, `oci:${at(`read-${name}`)}:x`, '--preserve-digests');
    expect(listedIn(`read-${name}`)).toEqual([digests[name]]);
    copy(`dir:${at(`skopeo-${name}`)}`, `dir:${at(`again-${name}`)}`, '--preserve-digests');
    expect(filesOf(at(`again-${name}`))).toEqual(filesOf(at(`skopeo-${name}`)));
  });

  it.each(['one', 'all'] as const)('that we wrote are read by skopeo with all digests: %s', (name) => {
    copy(source(name), `dir:${at(`for-${name}`)}`);
    skopeo('--all', `dir:${at(`for-${name}`)}`, `oci:${at(`back-${name}`)}:x`);
    expect(listedIn(`back-${name}`)).toEqual([digests[name]]);
  });

  it('replace one another in the same directory, whoever writes', () => {
    const dir = `dir:${at('shared')}`;
    skopeo('--all', source('all'), dir);
    copy(source('one'), dir);
    expect(filesOf(at('shared'))).toEqual(filesOf(at('skopeo-one')));
    skopeo('--all', source('all'), dir);
    expect(filesOf(at('shared'))).toEqual(filesOf(at('skopeo-all')));
  });

  it('are signed by others, and read all the same', () => {
    skopeo(source('one'), `dir:${at('signed')}`);
    writeFileSync(at('signed/signature-1'), 'no signature at all');
    copy(`dir:${at('signed')}`, `oci:${at('of-signed')}:x`, '--preserve-digests');
    expect(listedIn('of-signed')).toEqual([digests.one]);
  });

  it('that an archive becomes have a manifest that skopeo takes, in both formats', () => {
    copy(source('one'), `docker-archive:${at('image.tar')}:app:1`);
    for (const format of ['oci', 'docker']) {
      copy(`docker-archive:${at('image.tar')}`, `dir:${at(`made-${format}`)}`, '--format', format);
      const config = run('skopeo', 'inspect', '--config', '--raw', `dir:${at(`made-${format}`)}`);
      expect(sha256Digest(Buffer.from(config.trimEnd()))).toBe(odd.configDigest);
      skopeo(`dir:${at(`made-${format}`)}`, `dir:${at(`kept-${format}`)}`);
      expect(manifestOf(`kept-${format}`)).toBe(manifestOf(`made-${format}`));
    }
  });

  it('are imported, and exported from the store', () => {
    layermill(at('store'), 'import', `dir:${at('skopeo-one')}`, '--name', 'odd:1');
    expect(layermillJson(at('store'), 'inspect', 'odd:1')).toMatchObject([{ configDigest: odd.configDigest }]);
    layermill(at('store'), 'export', 'odd:1', '--to', `dir:${at('exported')}`, '--preserve-digests');
    expect(filesOf(at('exported'))).toEqual(filesOf(at('skopeo-one')));
  });

  it('without one of their files are refused by both', () => {
    copy(source('one'), `dir:${at('damaged')}`);
    rmSync(join(at('damaged'), odd.layers[0]!.digest.slice(7)));
    expect(() => copy(`dir:${at('damaged')}`, 'null:')).toThrow(/BLOB_MISSING|is not in the directory/);
    expect(() => skopeo(`dir:${at('damaged')}`, `oci:${at('never')}:x`)).toThrow(/no such file/);
  });
});
