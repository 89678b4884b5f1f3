import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Digest, digestHex } from '../../src/identity/digest.ts';
import { CliLab, type CliResult } from '../support/cli-lab.ts';
import {
  fixtureImage,
  fixtureLayer,
  FixtureLayout,
  json,
  MEDIA,
  named,
  writeDirectory,
} from '../support/image-fixture.ts';
import { ScriptedRegistry } from '../support/scripted-registry.ts';

const base = fixtureLayer({ 'etc/os-release': 'ID=demo\n' }, 'gzip');
const top = fixtureLayer({ 'app/main': 'one\n' }, 'zstd');

let lab: CliLab;
let layout: FixtureLayout;
let path: string;
beforeEach(() => {
  lab = new CliLab();
  layout = new FixtureLayout();
  path = lab.path('layout');
  const images = [[base, top], [top]].map((layers) => layout.image(fixtureImage(layers)));
  layout.list(images.map((image, index) => named(image, `app:${index + 1}`)));
  writeDirectory(path, layout.files);
});
afterEach(async () => {
  expect(lab.leftOvers()).toEqual([]);
  await lab[Symbol.asyncDispose]();
});

const blobFile = (digest: Digest): string => join(path, 'blobs/sha256', digestHex(digest));
const damage = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte, at) => (at === 12 ? byte ^ 1 : byte)));

describe('verify', () => {
  it.each(['exists', 'digests', 'full', 'diffids'])('has one line for each good image: %s', async (level) => {
    const { code, stdout, stderr } = await lab.run('verify', `oci:${path}`, '--level', level);
    const lines = stdout.toString().trimEnd().split('\n');
    expect([code, stderr]).toEqual([0, '']);
    expect(lines.map((line) => line.split(/ {2,}/).slice(0, 2))).toEqual([
      ['good', 'app:1'],
      ['good', 'app:2'],
    ]);
    expect(lines[0]).toContain('2 blobs');
  });

  it('says what is wrong below each image, and exits with 5', async () => {
    rmSync(blobFile(base.digest));
    writeFileSync(blobFile(top.digest), damage(top.stored));
    const { code, stdout } = await lab.run('verify', `oci:${path}`, '--level', 'full');
    expect(code).toBe(5);
    expect(
      stdout
        .toString()
        .replaceAll(path, 'LAYOUT')
        .split('\n')
        .map((line) => line.slice(0, 60).trim()),
    ).toEqual([
      expect.stringMatching(/^bad {6}app:1 /),
      expect.stringMatching(/^BLOB_MISSING: /),
      expect.stringMatching(/^DIGEST_MISMATCH: /),
      expect.stringMatching(/^bad {6}app:2 /),
      expect.stringMatching(/^DIGEST_MISMATCH: /),
      '',
    ]);
  });

  it('prints the same as JSON', async () => {
    rmSync(blobFile(base.digest));
    const { code, lines } = await lab.run('verify', `oci:${path}`, '--json');
    expect(code).toBe(5);
    expect(lines).toMatchObject([
      { ref: 'app:1', level: 'digests', state: 'bad', damaged: [base.digest], findings: [{ code: 'BLOB_MISSING' }] },
      { ref: 'app:2', level: 'digests', state: 'good', damaged: [], findings: [] },
    ]);
  });

  it('looks at the other places when one cannot be read', async () => {
    const { code, stdout, stderr } = await lab.run('verify', `oci:${lab.path('nothing')}`, `oci:${path}`);
    expect(code).toBe(3);
    expect(stderr).toContain('nothing');
    expect(stdout.toString().match(/^good/gm)).toHaveLength(2);
    expect((await lab.run('verify', `oci:${lab.path('nothing')}`)).code).toBe(2);
  });

  it('looks into the store', async () => {
    await lab.json('import', `oci:${path}`);
    const all = await lab.run('verify', 'store:', '--level', 'diffids');
    expect([all.code, all.stdout.toString().match(/^good/gm)]).toEqual([0, ['good', 'good']]);
    rmSync(join(lab.store, 'blobs/sha256', digestHex(base.digest)));
    expect((await lab.run('verify', 'app:2')).code).toBe(0);
    const { code, stdout } = await lab.run('verify', 'store:app:1');
    expect(code).toBe(5);
    expect(stdout.toString()).toContain(`BLOB_MISSING: `);
    expect((await lab.run('verify', 'nobody:1')).code).toBe(5);
  });

  it('takes the name of a job file for one, also where it is not there', async () => {
    const { code, stderr } = await lab.run('verify', 'nothere.yaml');
    expect([code, stderr]).toEqual([2, expect.stringContaining('no ledger "nothere.yaml"')]);
  });

  it('refuses a level that there is not', async () => {
    expect((await lab.run('verify', `oci:${path}`, '--level', 'most')).code).toBe(2);
  });
});

describe('verify of a registry', () => {
  let registry: ScriptedRegistry;
  beforeEach(async () => {
    registry = await ScriptedRegistry.open();
    const image = fixtureImage([base]);
    const describe = (bytes: Buffer, mediaType: string): object => {
      return { mediaType, digest: registry.addBlob('team/app', bytes), size: bytes.length };
    };
    const config = describe(image.config, MEDIA.config);
    const layers = [describe(base.stored, `${MEDIA.layer}+gzip`)];
    const raw = json({ schemaVersion: 2, mediaType: MEDIA.manifest, config, layers });
    registry.addManifest('team/app', '1', raw, MEDIA.manifest);
  });
  afterEach(() => registry.close());

  const verify = (name: string, ...args: string[]): Promise<CliResult> => {
    const env = { HOME: lab.dir, XDG_RUNTIME_DIR: lab.dir };
    const spoken = ['--tls-verify=false', '--no-creds', '--retry-times', '0'];
    return lab.runWith({ env }, 'verify', `docker://${registry.host}/${name}`, ...spoken, ...args);
  };

  it('asks by HEAD whether a name is there', async () => {
    expect((await verify('team/app:1', '--level', 'exists')).code).toBe(0);
    expect(registry.requests('GET', /manifests|blobs/)).toEqual([]);
    expect((await verify('team/app:2', '--level', 'exists')).code).toBe(5);
  });

  it('looks at all below a path', async () => {
    const good = await verify('team/', '--level', 'full');
    expect([good.code, good.stdout.toString().match(/^good/gm)]).toEqual([0, ['good']]);
    registry.blobs.set(`team/app@${base.digest}`, damage(base.stored));
    const { code, stdout } = await verify('team/', '--level', 'full');
    expect(code).toBe(5);
    expect(stdout.toString()).toContain('DIGEST_MISMATCH');
  });

  it('exits with 4 when nobody could look and that may pass', async () => {
    registry.fail({ path: /manifests/ }, { is: 'status', status: 503 }, 9);
    const { code, stdout } = await verify('team/app:1');
    expect(code).toBe(4);
    expect(stdout.toString()).toMatch(/^unknown {2}/);
  });
});
