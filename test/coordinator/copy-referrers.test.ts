import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SourceArtifact } from '../../src/image/image-source.ts';
import { attachedTo, listedAbout, SBOM_TYPE, signatureOf } from '../support/artifact-fixture.ts';
import { type CopyLab, copied, openCopyLab } from '../support/copy-lab.ts';
import { readAll } from '../support/format-context.ts';
import {
  type FixtureDescriptor,
  fixtureImage,
  fixtureLayer,
  FixtureLayout,
  named,
  writeDirectory,
} from '../support/image-fixture.ts';
import { type ScriptedOptions, ScriptedRegistry } from '../support/scripted-registry.ts';

const layer = fixtureLayer({ 'etc/one': 'one' }, 'gzip');

let lab: CopyLab;
beforeEach(() => (lab = openCopyLab({ registry: { tlsVerify: false, env: {}, retryTimes: 0 } })));
afterEach(() => lab[Symbol.asyncDispose]());

const layout = (name: string): string => `oci:${join(lab.dir, name)}`;

/** An image, a list of its contents, a signature of each, and a layout of them. */
function writeSigned(change: (made: FixtureLayout) => void = () => {}): {
  image: FixtureDescriptor;
  artifacts: FixtureDescriptor[];
} {
  const made = new FixtureLayout();
  const image = made.image(fixtureImage([layer], { names: ['one:1'] }));
  const sbom = attachedTo(made, image, 'contents');
  const artifacts = [sbom, attachedTo(made, sbom, 'about that'), signatureOf(made, image)];
  made.list([...artifacts, named(image, 'one:1')]);
  change(made);
  writeDirectory(join(lab.dir, 'in'), made.files);
  return { image, artifacts };
}

async function artifactsIn(location: string): Promise<SourceArtifact[]> {
  const { items } = await readAll(location, { ...lab.formats.context, referrers: true });
  return items.filter((item): item is SourceArtifact => item.kind === 'artifact');
}

const digests = (list: readonly { digest: string }[]): string[] => list.map(({ digest }) => digest).toSorted();

describe('what refers to an image', () => {
  it.each<[string, ScriptedOptions]>([
    ['lists it', {}],
    ['does not', { referrers: false }],
  ])('goes to a registry that %s and comes back', async (_what, options) => {
    await using registry = await ScriptedRegistry.open(options);
    const { artifacts } = writeSigned();
    const at = `docker://${registry.host}/one:1`;
    copied(await lab.copy([layout('in')], at, { referrers: true }));
    copied(await lab.copy([at], layout('back'), { referrers: true }));
    expect(digests(await artifactsIn(layout('back')))).toEqual(digests(artifacts));
    expect(lab.warnings).toEqual([]);
    expect([...registry.tags.keys()].filter((tag) => tag.endsWith('.sig'))).toHaveLength(1);
    expect([...registry.tags.keys()].filter((tag) => /sha256-[0-9a-f]+$/.test(tag))).toHaveLength(
      options.referrers === false ? 2 : 0,
    );
  });

  it('may be an index, whose members go before it', async () => {
    await using registry = await ScriptedRegistry.open({ referrers: false });
    const made = new FixtureLayout();
    const image = made.image(fixtureImage([layer], { names: ['one:1'] }));
    const list = listedAbout(made, image, ['one', 'other']);
    made.list([list, named(image, 'one:1')]);
    writeDirectory(join(lab.dir, 'in'), made.files);
    const at = `docker://${registry.host}/one:1`;
    copied(await lab.copy([layout('in')], at, { referrers: true }));
    const put = registry.requests('PUT', /manifests/).map(({ url }) => url.split('/').at(-1));
    const { manifests } = JSON.parse(registry.manifests.get(`one@${list.digest}`)!.raw.toString()) as {
      manifests: FixtureDescriptor[];
    };
    expect(put).toEqual(expect.arrayContaining(manifests.map(({ digest }) => digest)));
    for (const { digest } of manifests) expect(put.indexOf(digest)).toBeLessThan(put.indexOf(list.digest));
    copied(await lab.copy([at], layout('back'), { referrers: true }));
    expect(digests(await artifactsIn(layout('back')))).toEqual([list.digest]);
    for (const { digest } of manifests)
      expect(existsSync(join(lab.dir, 'back/blobs', digest.replace(':', '/')))).toBe(true);
    expect(lab.warnings).toEqual([]);
  });

  it('joins what is in the index of a registry without lists, once', async () => {
    await using registry = await ScriptedRegistry.open({ referrers: false });
    const { image, artifacts } = writeSigned();
    const other = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: image.digest, size: 3 };
    const index = { schemaVersion: 2, manifests: [other], annotations: { kept: 'yes' } };
    const tag = image.digest.replace(':', '-');
    const type = 'application/vnd.oci.image.index.v1+json';
    registry.addManifest('one', tag, Buffer.from(JSON.stringify(index)), type);
    for (let time = 0; time < 2; time++)
      copied(await lab.copy([layout('in')], `docker://${registry.host}/one:1`, { referrers: true }));
    const { raw } = registry.manifests.get(`one@${registry.tags.get(`one:${tag}`)}`)!;
    const { digest, mediaType, size } = artifacts[0]!;
    const line = { mediaType, digest, size, annotations: { about: 'contents' }, artifactType: SBOM_TYPE };
    expect(JSON.parse(raw.toString())).toEqual({ ...index, manifests: [other, line] });
  });

  it('stays behind, with a word, when its manifest does', async () => {
    writeSigned();
    const results = await lab.copy([layout('in')], layout('out'), { referrers: true, compression: 'zstd' });
    expect(copied(results)).toHaveLength(1);
    expect(await artifactsIn(layout('out'))).toEqual([]);
    expect(lab.warnings).toEqual([expect.stringContaining('stays behind')]);
  });

  it('is a failure of its own when it cannot be read', async () => {
    const { artifacts } = writeSigned((made) => {
      const name = [...made.files].find(([, bytes]) => bytes?.toString() === 'contents')![0];
      made.files.delete(name);
    });
    const results = await lab.copy([layout('in')], layout('out'), { referrers: true });
    expect(results.map(({ ref, error }) => [ref, error?.code])).toEqual([
      ['one:1', undefined],
      [`${artifacts[0]!.digest} of one:1`, 'BLOB_MISSING'],
    ]);
    expect(digests(await artifactsIn(layout('out')))).toEqual([artifacts[2]!.digest]);
  });

  it('is a failure of its own when a registry refuses it', async () => {
    await using registry = await ScriptedRegistry.open({ referrers: false });
    const { image, artifacts } = writeSigned();
    const tag = image.digest.replace(':', '-');
    registry.addManifest('one', tag, Buffer.from('{}'), image.mediaType);
    registry.fail({ method: 'PUT', path: new RegExp(artifacts[2]!.digest) }, { is: 'status', status: 400 });
    const results = await lab.copy([layout('in')], `docker://${registry.host}/one:1`, { referrers: true });
    expect(results.map(({ ref, error }) => [ref, error?.code])).toEqual([
      ['one:1', undefined],
      [`${artifacts[0]!.digest} of one:1`, 'REGISTRY_PROTOCOL'],
      [`${tag}.sig of one:1`, 'REGISTRY_REFUSED'],
    ]);
    expect(registry.tags.get('one:1')).toBe(image.digest);
    expect(registry.tags.has(`one:${tag}.sig`)).toBe(false);
  });

  it('is listed once, however often it comes', async () => {
    const { artifacts } = writeSigned();
    for (let time = 0; time < 2; time++)
      copied(await lab.copy([layout('in'), layout('in')], layout('out'), { referrers: true }));
    expect(digests(await artifactsIn(layout('out')))).toEqual(digests(artifacts));
    const index = readFileSync(join(lab.dir, 'out/index.json'), 'utf8');
    expect(index.split(artifacts[0]!.digest)).toHaveLength(2);
  });

  it('stays where it is in a dry run', async () => {
    writeSigned();
    copied(await lab.copy([layout('in')], layout('out'), { referrers: true, dryRun: true }));
    expect(existsSync(join(lab.dir, 'out'))).toBe(false);
    expect(lab.warnings).toEqual([]);
  });

  it('goes into an archive beside the name that was asked for, and comes out of it', async () => {
    const { artifacts } = writeSigned();
    const archive = `oci-archive:${join(lab.dir, 'out.tar')}`;
    const told: string[] = [];
    const onArtifact = ({ digest }: { digest: string }): number => told.push(digest);
    copied(await lab.copy([layout('in')], `${archive}:v1`, { referrers: true, onArtifact }));
    expect(told.toSorted()).toEqual(digests(artifacts));
    expect(digests(await artifactsIn(archive))).toEqual(digests(artifacts));
  });

  it('has no place in an archive of Docker', async () => {
    writeSigned();
    copied(await lab.copy([layout('in')], `docker-archive:${join(lab.dir, 'out.tar')}`, { referrers: true }));
    expect(lab.warnings).toEqual([expect.stringContaining('no place')]);
  });

  it('is not looked for unless it is asked for', async () => {
    await using registry = await ScriptedRegistry.open();
    writeSigned();
    const at = `docker://${registry.host}/one:1`;
    copied(await lab.copy([layout('in')], at, { referrers: true }));
    registry.seen.length = 0;
    copied(await lab.copy([at], layout('back')));
    expect(registry.requests('GET', /referrers|\.sig/)).toEqual([]);
    const { manifests } = JSON.parse(readFileSync(join(lab.dir, 'back/index.json'), 'utf8')) as {
      manifests: unknown[];
    };
    expect(manifests).toHaveLength(1);
  });
});
