import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isPending } from '../../src/image/pending-blob.ts';
import { registriesFor } from '../../src/formats/distribution/registries-of.ts';
import type { SourceArtifact, SourceItem } from '../../src/image/image-source.ts';
import { attachedTo, listedAbout, SBOM_TYPE, signatureOf } from '../support/artifact-fixture.ts';
import { type FormatLab, openFormatLab, readAll } from '../support/format-context.ts';
import {
  type FixtureDescriptor,
  fixtureImage,
  fixtureLayer,
  FixtureLayout,
  json,
  MEDIA,
  named,
  writeDirectory,
} from '../support/image-fixture.ts';
import { ScriptedRegistry } from '../support/scripted-registry.ts';

let lab: FormatLab;
let made: FixtureLayout;
let image: FixtureDescriptor;
beforeEach(() => {
  lab = openFormatLab();
  made = new FixtureLayout();
  image = made.image(fixtureImage([fixtureLayer({ one: 'one' }, 'gzip')]));
});
afterEach(() => lab.close());

const bytesOf = ({ digest }: FixtureDescriptor): Buffer =>
  made.files.get(`blobs/${digest.replace(':', '/')}`) as Buffer;

/** Everything in the layout, in a registry. */
function fill(registry: ScriptedRegistry, manifests: FixtureDescriptor[]): void {
  for (const bytes of made.files.values()) registry.addBlob('app', bytes as Buffer);
  for (const manifest of manifests) registry.addManifest('app', null, bytesOf(manifest), manifest.mediaType);
  registry.addManifest('app', 'v1', bytesOf(image), image.mediaType);
}

async function read(source: string): Promise<{ kinds: string[]; items: SourceItem[]; warnings: readonly string[] }> {
  const registries = registriesFor(lab.context, 'source', { tlsVerify: false, env: {}, retryTimes: 0 });
  const { items, warnings } = await readAll(source, { ...lab.context, registries, referrers: true });
  await registries.close();
  return { kinds: items.map(({ kind, ref }) => `${kind} ${ref}`), items, warnings };
}

const readLayout = (): ReturnType<typeof read> => read(`oci:${writeDirectory(join(lab.dir, 'layout'), made.files)}`);

describe('a registry', () => {
  it('gives what refers to an image after it, and what refers to that', async () => {
    await using registry = await ScriptedRegistry.open();
    const sbom = attachedTo(made, image, 'contents');
    const about = attachedTo(made, sbom, 'about them');
    fill(registry, [sbom, about]);
    const name = `${registry.host}/app:v1`;
    const { kinds, items, warnings } = await read(`docker://${name}`);
    expect(kinds).toEqual([
      `modern ${name}`,
      `artifact ${sbom.digest} of ${name}`,
      `artifact ${about.digest} of ${sbom.digest} of ${name}`,
    ]);
    expect(items[1]).toMatchObject({ subject: image.digest, tag: null, artifactType: SBOM_TYPE, digest: sbom.digest });
    expect(warnings).toEqual([]);
  });

  it('is not followed without end', async () => {
    await using registry = await ScriptedRegistry.open();
    const chain = [image];
    for (let depth = 1; depth < 9; depth++) chain.push(attachedTo(made, chain.at(-1)!, `level ${depth}`));
    fill(registry, chain);
    expect((await read(`docker://${registry.host}/app:v1`)).kinds).toHaveLength(5);
  });

  it('is not believed when it lists what refers to something else', async () => {
    await using registry = await ScriptedRegistry.open({ referrers: false });
    const sbom = attachedTo(made, made.image(fixtureImage([])), 'of another');
    const nested = made.index([sbom]);
    fill(registry, [sbom, nested]);
    const list = bytesOf(made.index([sbom, nested]));
    registry.addManifest('app', image.digest.replace(':', '-'), list, 'application/vnd.oci.image.index.v1+json');
    const { kinds, warnings } = await read(`docker://${registry.host}/app:v1`);
    expect(kinds).toHaveLength(1);
    expect(warnings).toEqual([expect.stringContaining('something else'), expect.stringContaining('something else')]);
  });

  it('may refuse to say what it has: the image is given all the same', async () => {
    await using registry = await ScriptedRegistry.open();
    fill(registry, []);
    registry.fail({ path: /referrers/ }, { is: 'status', status: 403 });
    const { items } = await read(`docker://${registry.host}/app:v1`);
    expect(items).toMatchObject([{ kind: 'modern' }, { kind: 'broken', error: { kind: 'Remote' } }]);
  });
});

describe('a layout', () => {
  it('gives what refers to the image that was asked for', async () => {
    const other = made.image(fixtureImage([]));
    const artifacts = [attachedTo(made, image, 'one'), signatureOf(made, image), attachedTo(made, other, 'two')];
    made.list([...artifacts, named(image, 'one:1'), named(other, 'two:1')]);
    const path = writeDirectory(join(lab.dir, 'layout'), made.files);
    expect((await read(`oci:${path}:two:1`)).kinds).toEqual([
      'modern two:1',
      `artifact ${artifacts[2]!.digest} of two:1`,
    ]);
    const all = await read(`oci:${path}`);
    expect(all.kinds).toHaveLength(5);
    expect(all.warnings).toEqual([]);
  });

  it('gives an index of several, with all that they name', async () => {
    const list = listedAbout(made, image, ['one', 'other']);
    made.list([list, named(image, 'one:1')]);
    const { items } = await readLayout();
    expect(items[1]).toMatchObject({ subject: image.digest, artifactType: SBOM_TYPE, mediaType: list.mediaType });
    const { manifests } = JSON.parse(bytesOf(list).toString()) as { manifests: FixtureDescriptor[] };
    const { blobs } = items[1] as SourceArtifact;
    expect(blobs.filter(({ digest }) => manifests.some((member) => member.digest === digest))).toHaveLength(2);
    // Both have the same empty config.
    expect(blobs).toHaveLength(5);
  });

  it.each([
    ['an index in it', 'MEDIA_TYPE_UNSUPPORTED', true],
    ['a member that is not here', 'BLOB_MISSING', false],
  ])('tells of an index with %s', async (_what, code, isNested) => {
    const inner = isNested ? made.index([]) : attachedTo(made, image, 'gone', { subject: undefined });
    if (!isNested) made.files.delete(`blobs/${inner.digest.replace(':', '/')}`);
    const { mediaType, digest, size } = image;
    const fields = { subject: { mediaType, digest, size }, manifests: [inner] };
    const list = made.blob(json({ schemaVersion: 2, mediaType: MEDIA.index, ...fields }), MEDIA.index);
    made.list([list, named(image, 'one:1')]);
    const { items } = await readLayout();
    expect(items).toMatchObject([{ kind: 'modern' }, { kind: 'broken', error: { code } }]);
  });

  it('tells of what refers to things that are not in it', async () => {
    const gone = { ...image, digest: `sha256:${'0'.repeat(64)}` };
    made.list([attachedTo(made, gone, 'about nothing'), named(image, 'one:1')]);
    const { kinds, warnings } = await readLayout();
    expect(kinds).toEqual(['modern one:1']);
    expect(warnings).toEqual([expect.stringContaining(`refers to ${gone.digest}`)]);
  });

  it('of such things alone is no image', async () => {
    made.list([attachedTo(made, image, 'contents')]);
    await expect(readLayout()).rejects.toMatchObject({ code: 'NOT_AN_IMAGE' });
  });

  it('need not hold what a manifest carries itself, and holds each part once', async () => {
    const empty = made.blob(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
    const config = { ...empty, data: Buffer.from('{}').toString('base64') };
    const sbom = attachedTo(made, image, 'contents', { config, layers: [empty], artifactType: undefined });
    made.files.delete(`blobs/${empty.digest.replace(':', '/')}`);
    made.list([sbom, named(image, 'one:1')]);
    const { items } = await readLayout();
    const artifact = items[1] as SourceArtifact;
    expect(artifact).toMatchObject({ artifactType: empty.mediaType, blobs: [{ digest: empty.digest, size: 2 }] });
    const [blob] = artifact.blobs;
    if (!isPending(blob!)) throw new Error('it is carried by the manifest');
    expect(await blob.obtain(join(lab.dir, 'carried'), {})).toMatchObject({ size: 2, digest: empty.digest });
  });

  it('says of a manifest that cannot be read what it said before', async () => {
    const broken = made.blob(Buffer.from('{'), 'application/vnd.oci.image.manifest.v1+json');
    made.list([broken, named(image, 'one:1')]);
    const { items } = await readLayout();
    expect(items).toMatchObject([{ kind: 'broken', error: { code: 'JSON_INVALID' } }, { kind: 'modern' }]);
  });
});
