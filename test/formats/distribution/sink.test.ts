import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CopyLab, copied, openCopyLab } from '../../support/copy-lab.ts';
import {
  type FixtureDescriptor,
  fixtureImage,
  fixtureLayer,
  FixtureLayout,
  MEDIA,
  named,
  writeDirectory,
} from '../../support/image-fixture.ts';
import { ScriptedRegistry } from '../../support/scripted-registry.ts';

const layer = fixtureLayer({ layer: 'layer' }, 'gzip');
const other = fixtureLayer({ other: 'other' }, 'gzip');

let lab: CopyLab;
let registry: ScriptedRegistry;
beforeEach(async () => {
  registry = await ScriptedRegistry.open();
  lab = openCopyLab({ registry: { tlsVerify: false, env: {}, retryTimes: 0 } });
});
afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  await registry.close();
});

/** An index of two images. */
function indexed(more: FixtureDescriptor[] = []): { source: string; digest: string } {
  const made = new FixtureLayout();
  const arm = fixtureImage([other], { config: { architecture: 'arm64' } });
  const index = made.index([
    { ...made.image(fixtureImage([layer])), platform: { os: 'linux', architecture: 'amd64' } },
    { ...made.image(arm), platform: { os: 'linux', architecture: 'arm64' } },
    ...more,
  ]);
  made.list([named(index, 'multi:1')]);
  return { source: `oci:${writeDirectory(join(lab.dir, 'in'), made.files)}`, digest: index.digest };
}

const tagsPut = (): string[] => registry.requests('PUT', /manifests\/[^:]+$/).map(({ url }) => url.split('/').at(-1)!);

describe('an index that cannot stay the same', () => {
  const gone: FixtureDescriptor = { mediaType: MEDIA.manifest, digest: `sha256:${'0'.repeat(64)}`, size: 7 };

  it('is not put where its digest is to be kept, nor where no change is allowed', async () => {
    const { source } = indexed([gone]);
    const to = `docker://${registry.host}/team/app:1`;
    const preserved = await lab.copy([source], to, { preserveDigests: true });
    expect(preserved.map(({ error }) => error?.code)).toEqual([undefined, undefined, 'MANIFEST_NOT_PRESERVED']);
    const allowed = await lab.copy([source], to, { allow: 'identical' });
    expect(allowed.at(-1)!.error).toMatchObject({ code: 'CHANGE_NOT_ALLOWED' });
    expect(registry.tags.size).toBe(0);
    copied(await lab.copy([source], to, { allow: 'manifest' }));
    expect(registry.tags.size).toBe(1);
  });
});

describe('a tag', () => {
  it('is given to an index, and never to one of its images', async () => {
    const { source, digest } = indexed();
    copied(await lab.copy([source], `docker://${registry.host}/team/app:1`));
    expect(registry.tags.get('team/app:1')).toBe(digest);
    expect(tagsPut()).toEqual(['1']);
  });

  it('beside a digest may be that of an index', async () => {
    const { source, digest } = indexed();
    copied(await lab.copy([source], `docker://${registry.host}/team/app:1@${digest}`));
    expect(registry.tags.get('team/app:1')).toBe(digest);
  });

  it('is given to an index below a path', async () => {
    const { source, digest } = indexed();
    copied(await lab.copy([source], `docker://${registry.host}/below/`));
    expect(registry.tags.get('below/multi:1')).toBe(digest);
    expect(tagsPut()).toEqual(['1']);
    for (const { digest: blob } of [layer, other]) expect(registry.blobs.has(`below/multi@${blob}`)).toBe(true);
  });

  it('is given to nobody when the index cannot be put', async () => {
    const { source, digest } = indexed();
    registry.fail({ method: 'PUT', path: new RegExp(digest) }, { is: 'status', status: 400 });
    const results = await lab.copy([source], `docker://${registry.host}/team/app:1`);
    expect(results.at(-1)).toMatchObject({ error: { code: 'REGISTRY_REFUSED' } });
    expect(tagsPut()).toEqual([]);
  });
});

describe('images that share a layer, in repositories of their own', () => {
  const names = ['a:1', 'b:1', 'c:1'];
  const source = (): string => {
    const made = new FixtureLayout();
    made.list(names.map((name) => named(made.image(fixtureImage([layer], { config: { author: name } })), name)));
    return `oci:${writeDirectory(join(lab.dir, 'in'), made.files)}`;
  };
  /** What was asked about the layer, in the order of the requests. */
  const asked = (): string[] =>
    registry.seen.filter(({ url }) => decodeURIComponent(url).includes(layer.digest)).map(({ method }) => method);

  it('are asked for nothing twice, and sent the layer once', async () => {
    copied(await lab.copy([source()], `docker://${registry.host}/team/`));
    expect(asked()).toEqual(['HEAD', 'PUT', 'POST', 'POST']);
    // What is new is not looked for first.
    expect(registry.requests('HEAD', /manifests/)).toHaveLength(0);
    for (const name of names) expect(registry.tags.has(`team/${name}`)).toBe(true);
  });

  it('are only asked when they are there', async () => {
    copied(await lab.copy([source()], `docker://${registry.host}/team/`));
    registry.seen.length = 0;
    copied(await lab.copy([`oci:${join(lab.dir, 'in')}`], `docker://${registry.host}/team/`));
    expect(new Set(registry.seen.map(({ method }) => method))).toEqual(new Set(['GET', 'HEAD']));
  });

  it('are asked first where a registry does not take layers over', async () => {
    await registry.close();
    registry = await ScriptedRegistry.open({ mounts: false });
    copied(await lab.copy([source()], `docker://${registry.host}/team/`));
    expect(asked()).toEqual(['HEAD', 'PUT', 'POST', 'HEAD', 'PUT', 'HEAD', 'POST', 'PUT']);
  });
});
