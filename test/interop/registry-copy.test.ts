import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CopiedImage } from '../../src/coordinator/jobs/copy.ts';
import type { RegistryOptions } from '../../src/formats/distribution/registry.ts';
import type { ModernImage, SourceArtifact, SourceIndex } from '../../src/image/image-source.ts';
import { attachedTo, listedAbout, signatureOf } from '../support/artifact-fixture.ts';
import { copied, type CopyLab, openCopyLab } from '../support/copy-lab.ts';
import { corpusImage, expectedRows, isImageRow, present, REFUSED } from '../support/corpus.ts';
import { type DockerRegistry, startDockerRegistry } from '../support/docker-registry.ts';
import { readAll } from '../support/format-context.ts';
import {
  dockerArchiveFiles,
  type FixtureDescriptor,
  fixtureImage,
  fixtureLayer,
  FixtureLayout,
  named,
  writeArchiveFile,
  writeDirectory,
} from '../support/image-fixture.ts';
import { layermill, missing, run } from '../support/programs.ts';

const absent = missing(['docker-registry', 'openssl', 'htpasswd', 'skopeo']);
if (absent.length > 0) console.log(`skipped: ${absent.join(' and ')} not installed`);
if (!present) console.log('skipped: the corpus of real images is not here');

const layer = fixtureLayer({ 'etc/one': 'one' }, 'gzip');
const second = fixtureLayer({ 'etc/two': 'two' }, 'zstd');
const plain = fixtureLayer({ 'etc/plain': 'plain' });

describe.skipIf(absent.length > 0)("copies with Docker's registry", () => {
  let server: DockerRegistry;
  let lab: CopyLab;
  const at = (name: string): string => `docker://${server.host}/${name}`;
  const layout = (name: string): string => `oci:${join(lab.dir, name)}`;
  const skopeo = (...args: string[]): string => run('skopeo', '--insecure-policy', ...args);

  beforeAll(async () => {
    server = await startDockerRegistry();
    lab = openCopyLab({ registry: { tlsVerify: false, env: {} } });
    const made = new FixtureLayout();
    const one = fixtureImage([layer, second], { names: ['one:1'] });
    const arm = fixtureImage([second], { config: { architecture: 'arm64' } });
    const statement = made.manifest({
      config: made.blob(Buffer.from('{}'), 'application/vnd.oci.image.config.v1+json'),
      layers: [made.blob(Buffer.from('{"about":"it"}'), 'application/vnd.in-toto+json')],
    });
    const index = made.index([
      { ...made.image(one), platform: { os: 'linux', architecture: 'amd64' } },
      { ...made.image(arm), platform: { os: 'linux', architecture: 'arm64' } },
      { ...statement, platform: { os: 'unknown', architecture: 'unknown' } },
    ]);
    made.list([named(made.image(one), 'one:1'), named(index, 'multi:1')]);
    writeDirectory(join(lab.dir, 'in'), made.files);
  });
  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  it('go there and back with every digest kept', async () => {
    const pushed = copied(await lab.copy([`${layout('in')}:one:1`], at('one:1'), { preserveDigests: true }));
    const pulled = copied(await lab.copy([at('one:1')], layout('back'), { preserveDigests: true }));
    expect(pulled.map(({ manifestDigest }) => manifestDigest)).toEqual(pushed.map((image) => image.manifestDigest));
    expect(JSON.parse(skopeo('inspect', '--tls-verify=false', at('one:1')))).toMatchObject({
      Digest: pushed[0]!.manifestDigest,
      Layers: [layer.digest, second.digest],
    });
  });

  it('bring an index with all its images and what is said about them', async () => {
    const pushed = await lab.copy([`${layout('in')}:multi:1`], at('multi:1'), { preserveDigests: true });
    expect(copied(pushed)).toHaveLength(2);
    await lab.copy([at('multi:1')], layout('multi'), { preserveDigests: true });
    const { items } = await readAll(layout('multi'), lab.formats.context);
    const index = items.find((item): item is SourceIndex => item.kind === 'index')!;
    const raw = skopeo('inspect', '--raw', '--tls-verify=false', at('multi:1'));
    expect(index.raw.toString()).toBe(raw.trimEnd());
    expect(index.attachments.length).toBeGreaterThan(0);
  });

  it('bring some platforms in an index of those, and one as an image', async () => {
    const arm = { os: 'linux', architecture: 'arm64' };
    await lab.copy([at('multi:1')], at('arm:1'), { platforms: [arm] });
    expect(JSON.parse(skopeo('inspect', '--raw', '--tls-verify=false', at('arm:1')))).toHaveProperty('config');
    await lab.copy([at('multi:1')], at('some:1'), { platforms: [arm, { os: 'linux', architecture: 'riscv64' }] });
    const some = JSON.parse(skopeo('inspect', '--raw', '--tls-verify=false', at('some:1'))) as { manifests: unknown[] };
    expect(some.manifests).toMatchObject([{ platform: arm }]);
  });

  it('send nothing a second time', async () => {
    const again = copied(await lab.copy([`${layout('in')}:one:1`], at('one:1')));
    expect(again[0]!.sent).toEqual({ layers: 0, bytes: 0 });
    lab.ran.length = 0;
    copied(await lab.copy([at('one:1')], at('elsewhere/two:2')));
    // Taken over inside the registry: no layer was fetched, or a thread would have checked it.
    expect(lab.ran).toEqual([]);
  });

  it('pack plain layers, and tools read what was pushed', async () => {
    const image = fixtureImage([plain], { names: ['plain:1'] });
    const archive = writeArchiveFile(join(lab.dir, 'plain.tar'), dockerArchiveFiles([image]));
    const [pushed] = copied(await lab.copy([archive], at('plain:1')));
    expect(pushed!.profile).toMatch(/^gzip:zlib/);
    skopeo('copy', '-q', '--src-tls-verify=false', at('plain:1'), `dir:${join(lab.dir, 'skopeo')}`);
  });

  it('leave plain layers that a manifest names as they are', async () => {
    const made = new FixtureLayout();
    made.list([named(made.image(fixtureImage([plain], { names: ['kept:1'] })), 'kept:1')]);
    const source = `oci:${writeDirectory(join(lab.dir, 'kept'), made.files)}`;
    const [pushed] = copied(await lab.copy([source], at('kept:1'), { preserveDigests: true }));
    expect(pushed!.equality).toBe('identical');
  });

  it('are what exports of the store are: kept manifests, and indexes with what is said about them', () => {
    const store = join(lab.dir, 'store');
    layermill(store, 'import', layout('in'), layout('kept'));
    for (const name of ['multi:1', 'kept:1']) {
      layermill(store, 'export', name, '--to', at(`exported/${name}`), '--tls-verify=false', '--preserve-digests');
      const raw = skopeo('inspect', '--raw', '--tls-verify=false', at(`exported/${name}`));
      expect(raw).toBe(skopeo('inspect', '--raw', '--tls-verify=false', at(name)));
    }
  });

  it('go below a path under their own names', async () => {
    copied(await lab.copy([`${layout('in')}:one:1`, join(lab.dir, 'plain.tar')], `${at('below')}/`));
    for (const name of ['below/one:1', 'below/plain:1'])
      expect(JSON.parse(skopeo('inspect', '--tls-verify=false', at(name)))).toHaveProperty('Digest');
  });

  it('give a tag to one image of a run, and say so of the other', async () => {
    const results = await lab.copy([`${layout('in')}:one:1`, join(lab.dir, 'plain.tar')], at('taken:1'));
    expect(results).toMatchObject([{ error: null }, { error: { code: 'INVALID_ARGUMENT' } }]);
  });

  it('read what skopeo pushed', async () => {
    skopeo('copy', '-q', '--dest-tls-verify=false', `${layout('in')}:one:1`, at('by-skopeo:1'));
    const [pulled] = copied(await lab.copy([at('by-skopeo:1')], layout('by-skopeo'), { preserveDigests: true }));
    expect(pulled!.equality).toBe('identical');
  });

  describe('of what refers to images', () => {
    const options = { referrers: true, preserveDigests: true };
    const artifactsIn = async (source: string): Promise<SourceArtifact[]> => {
      const { items } = await readAll(source, { ...lab.formats.context, referrers: true });
      return items.filter((item): item is SourceArtifact => item.kind === 'artifact');
    };
    const listedUnder = (name: string, digest: string): string[] => {
      const text = skopeo('inspect', '--raw', '--tls-verify=false', at(`${name}:${digest.replace(':', '-')}`));
      return (JSON.parse(text) as { manifests: { digest: string }[] }).manifests.map((line) => line.digest);
    };
    const byDigest = (list: readonly { digest: string }[]): string[] => list.map(({ digest }) => digest).toSorted();
    let index: FixtureDescriptor;
    let member: FixtureDescriptor;
    let all: FixtureDescriptor[];

    beforeAll(() => {
      const made = new FixtureLayout();
      member = made.image(fixtureImage([layer]));
      const arm = made.image(fixtureImage([second], { config: { architecture: 'arm64' } }));
      index = made.index([
        { ...member, platform: { os: 'linux', architecture: 'amd64' } },
        { ...arm, platform: { os: 'linux', architecture: 'arm64' } },
      ]);
      const contents = attachedTo(made, member, 'contents');
      const about = attachedTo(made, contents, 'about the contents');
      const notes = attachedTo(made, index, 'notes', { layers: [made.blob(Buffer.from('x'), 'text/plain')] });
      all = [contents, about, notes, signatureOf(made, index), signatureOf(made, member)];
      made.list([...all, named(index, 'signed:1')]);
      writeDirectory(join(lab.dir, 'signed'), made.files);
    });

    it('bring one that is an index, after what it lists', async () => {
      const made = new FixtureLayout();
      const image = made.image(fixtureImage([layer]));
      const list = listedAbout(made, image, ['one', 'other']);
      made.list([list, named(image, 'listed:1')]);
      writeDirectory(join(lab.dir, 'listed'), made.files);
      copied(await lab.copy([layout('listed')], at('listed:1'), options));
      expect(listedUnder('listed', image.digest)).toEqual([list.digest]);
      copied(await lab.copy([at('listed:1')], layout('listed-back'), options));
      expect(byDigest(await artifactsIn(layout('listed-back')))).toEqual([list.digest]);
    });

    it('bring them there and back, though the registry keeps no lists of them', async () => {
      copied(await lab.copy([layout('signed')], at('signed:1'), options));
      expect(listedUnder('signed', index.digest)).toEqual([all[2]!.digest]);
      expect(listedUnder('signed', member.digest)).toEqual([all[0]!.digest]);
      expect(listedUnder('signed', all[0]!.digest)).toEqual([all[1]!.digest]);
      copied(await lab.copy([at('signed:1')], layout('signed-back'), options));
      expect(byDigest(await artifactsIn(layout('signed-back')))).toEqual(byDigest(all));
      const contents = `docker://${server.host}/signed@${all[0]!.digest}`;
      skopeo('copy', '-q', '--src-tls-verify=false', contents, `dir:${join(lab.dir, 'contents')}`);
      skopeo('copy', '-q', '--all', `${layout('signed-back')}:${server.host}/signed:1`, `dir:${join(lab.dir, 'all')}`);
      expect(lab.warnings.filter((text) => text.includes('behind'))).toEqual([]);
    });

    it('bring them from one registry to another place in it', async () => {
      copied(await lab.copy([at('signed:1')], at('elsewhere/signed:2'), options));
      copied(await lab.copy([at('elsewhere/signed:2')], layout('elsewhere'), options));
      expect(byDigest(await artifactsIn(layout('elsewhere')))).toEqual(byDigest(all));
    });

    it('bring those of one image', async () => {
      const amd = { os: 'linux', architecture: 'amd64' };
      copied(await lab.copy([at('signed:1')], layout('of-one'), { ...options, platforms: [amd] }));
      expect(byDigest(await artifactsIn(layout('of-one')))).toEqual(byDigest([all[0]!, all[1]!, all[4]!]));
      expect(lab.warnings.filter((text) => text.includes(`refers to the manifest ${index.digest}`))).toHaveLength(1);
    });

    it('leave those alone that somebody else has listed', async () => {
      const made = new FixtureLayout();
      const image = made.image(fixtureImage([layer]));
      const more = attachedTo(made, image, 'more');
      made.list([more, named(image, 'more:1')]);
      writeDirectory(join(lab.dir, 'more'), made.files);
      copied(await lab.copy([layout('more')], at('signed:more'), options));
      expect(listedUnder('signed', member.digest)).toEqual([all[0]!.digest, more.digest]);
    });

    it('go below a path with their images', async () => {
      const made = new FixtureLayout();
      const image = made.image(fixtureImage([layer]));
      const artifacts = [attachedTo(made, image, 'contents'), signatureOf(made, image)];
      made.list([...artifacts, named(image, 'team/app:1')]);
      writeDirectory(join(lab.dir, 'team'), made.files);
      copied(await lab.copy([layout('team')], `${at('under')}/`, options));
      copied(await lab.copy([at('under/team/app:1')], layout('under'), options));
      expect(byDigest(await artifactsIn(layout('under')))).toEqual(byDigest(artifacts));
    });
  });

  it('that name a digest get that, or nothing', async () => {
    const [{ manifestDigest }] = copied(await lab.copy([at('one:1')], layout('named'))) as [
      CopiedImage & { error: null },
    ];
    copied(await lab.copy([`docker://${server.host}/one@${manifestDigest}`], layout('by-digest')));
    const wrong = `docker://${server.host}/one:2@sha256:${'0'.repeat(64)}`;
    expect(await lab.copy([join(lab.dir, 'plain.tar')], wrong)).toMatchObject([{ error: { code: 'DIGEST_MISMATCH' } }]);
    expect(await lab.copy([at('one:2')], layout('missing'))).toMatchObject([
      { error: { code: 'REMOTE_IMAGE_NOT_FOUND' } },
    ]);
  });

  describe.runIf(present)('of images of the corpus', () => {
    const rows = expectedRows().filter((row) => isImageRow(row) && !REFUSED.has(row.path));

    it.each(rows.map((row, place) => [row.path, row, place] as const))(
      '%s comes back as it was',
      async (path, row, place) => {
        const source = corpusImage(path, lab.dir);
        const name = at(`corpus/image-${place}`);
        const { items } = await readAll(source, lab.formats.context);
        const image = items.find(
          (item): item is ModernImage => item.kind === 'modern' && item.configDigest === row.config_digest,
        )!;
        const pushed = (await lab.copy([source], `${name}/`)).filter(({ error }) => error === null);
        const names = image.inIndex ?? image.names;
        if (names.length === 0) {
          expect(pushed).toEqual([]);
          return;
        }
        const found = copied(pushed).find(({ configDigest }) => configDigest === row.config_digest)!;
        if (image.manifest !== null && found.equality === 'identical')
          expect(found.manifestDigest).toBe(image.manifest.digest);
        const back = copied(
          await lab.copy([`${name}/${names[0]!.replace(/^[^/]*[.:][^/]*\//, '')}`], layout(`corpus-${place}`)),
        );
        expect(back.map(({ configDigest }) => configDigest)).toContain(row.config_digest);
      },
    );
  });
});

describe.skipIf(absent.length > 0)('a registry with TLS and a password', () => {
  const user = { name: 'alice', password: 'pa:ss' };

  it('takes what comes from who is known, and nothing else', async () => {
    await using server = await startDockerRegistry(user);
    await using files = openCopyLab();
    writeFileSync(join(files.dir, 'ca.crt'), server.ca!);
    writeFileSync(
      join(files.dir, 'auth.json'),
      JSON.stringify({ auths: { [server.host]: { auth: Buffer.from('alice:pa:ss').toString('base64') } } }),
    );
    const made = new FixtureLayout();
    made.list([named(made.image(fixtureImage([layer], { names: ['one:1'] })), 'one:1')]);
    const source = `oci:${writeDirectory(join(files.dir, 'in'), made.files)}`;
    const to = `docker://${server.host}/one:1`;
    const outcome = async (registry: RegistryOptions): Promise<string> => {
      await using lab = openCopyLab({ registry: { env: {}, retryTimes: 0, ...registry } });
      const [result] = await lab.copy([source], to);
      return result!.error?.code ?? 'copied';
    };
    const certDir = files.dir;
    expect(await outcome({})).toBe('REGISTRY_UNTRUSTED');
    expect(await outcome({ certDir })).toBe('REGISTRY_UNAUTHORIZED');
    expect(await outcome({ certDir, creds: 'alice:wrong' })).toBe('REGISTRY_UNAUTHORIZED');
    expect(await outcome({ certDir, authFile: join(files.dir, 'auth.json') })).toBe('copied');
    expect(await outcome({ tlsVerify: false, creds: 'alice:pa:ss' })).toBe('copied');
  });
});
