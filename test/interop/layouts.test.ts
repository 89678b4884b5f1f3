import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSystem } from '../../src/system/select.ts';
import { FixtureLayout, named, writeDirectory } from '../support/image-fixture.ts';
import { oddImage } from '../support/odd-image.ts';
import { layermill, layermillJson, missing, run } from '../support/programs.ts';
import { viewTree } from '../../src/driver-suite/view-tree.ts';

const NAME = 'interop/odd:1';
const image = oddImage(NAME);
const isRoot = process.geteuid?.() === 0;
const absent = missing(['skopeo', 'umoci']);
if (absent.length > 0) console.log(`skipped: ${absent.join(' and ')} not installed`);
if (!isRoot) console.log('skipped: the trees of skopeo and umoci are compared by root only');

interface Inspected {
  configDigest: string;
  layers: { diffId: string }[];
}

describe.skipIf(absent.length > 0)('OCI layouts and archives, with skopeo and umoci', () => {
  const system = openSystem();
  let work: string;
  let store: string;
  const at = (name: string): string => join(work, name);
  const manifestOf = (layout: string): string =>
    (JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as { manifests: { digest: string }[] }).manifests[0]!
      .digest;
  const freshStore = (): string => mkdtempSync(at('store-'));
  const treeOf = (dir: string): string[] => viewTree(system, { style: 'full', dir, lowers: [] });
  const unpacked = (root: string): string[] => {
    const dir = mkdtempSync(at('tree-'));
    layermill(root, 'unpack', NAME, dir);
    return treeOf(dir);
  };
  const expectSameImage = (root: string): void => {
    const [found] = layermillJson<Inspected>(root, 'inspect', NAME);
    expect(found!.configDigest).toBe(image.configDigest);
    expect(found!.layers.map(({ diffId }) => diffId)).toEqual(image.layers.map(({ diffId }) => diffId));
  };

  beforeAll(() => {
    work = mkdtempSync(join(tmpdir(), 'layermill-interop-'));
    store = freshStore();
    const source = new FixtureLayout();
    source.list([named(source.image(image), '1', NAME)]);
    layermill(store, 'import', `oci:${writeDirectory(at('source'), source.files)}`);
    expectSameImage(store);
  });
  afterAll(() => {
    execFileSync('chmod', ['-R', 'u+rwX', work]);
    rmSync(work, { recursive: true });
  });

  describe.each(['keep', 'none', 'gzip', 'zstd'])('exported with --compression %s', (compression) => {
    const layout = `layout-${compression}`;
    beforeAll(() => {
      layermill(store, 'export', NAME, '--to', `oci:${at(layout)}:app`, '--compression', compression);
    });

    it('is copied by skopeo without a change', () => {
      run('skopeo', 'copy', '--preserve-digests', `oci:${at(layout)}:app`, `oci:${at(`${layout}-copy`)}:app`);
      expect(manifestOf(at(`${layout}-copy`))).toBe(manifestOf(at(layout)));
      const config = run('skopeo', 'inspect', '--config', '--raw', `oci:${at(`${layout}-copy`)}:app`);
      expect(config.trimEnd()).toBe(image.config.toString());
    });

    it.runIf(isRoot && compression !== 'zstd')('is unpacked by umoci to the tree that unpack gives', () => {
      run('umoci', 'unpack', '--image', `${at(layout)}:app`, at(`${layout}-bundle`));
      expect(unpacked(store)).toEqual(treeOf(at(`${layout}-bundle/rootfs`)));
    });

    it('comes back as it went, manifest too', () => {
      const root = freshStore();
      layermill(root, 'import', `oci:${at(`${layout}-copy`)}:app`, '--name', NAME);
      expectSameImage(root);
      layermill(root, 'export', NAME, '--to', `oci:${at(`${layout}-again`)}:app`, '--preserve-digests');
      expect(manifestOf(at(`${layout}-again`))).toBe(manifestOf(at(layout)));
    });
  });

  it('an OCI archive is copied by skopeo without a change', () => {
    layermill(store, 'export', NAME, '--to', `oci-archive:${at('archive.tar')}:app`);
    run(
      'skopeo',
      'copy',
      '--preserve-digests',
      `oci-archive:${at('archive.tar')}:app`,
      `oci:${at('from-archive')}:app`,
    );
    expect(manifestOf(at('from-archive'))).toBe(manifestOf(at('layout-keep')));
  });

  it('a docker-archive is read by skopeo as the same image', () => {
    layermill(store, 'export', NAME, '--to', `docker-archive:${at('docker.tar')}`);
    run('skopeo', 'copy', `docker-archive:${at('docker.tar')}:${NAME}`, `oci:${at('from-docker')}:app`);
    const manifest = JSON.parse(run('skopeo', 'inspect', '--raw', `oci:${at('from-docker')}:app`)) as {
      layers: unknown[];
    };
    expect(manifest.layers).toHaveLength(image.layers.length);
    const config = JSON.parse(run('skopeo', 'inspect', '--config', '--raw', `oci:${at('from-docker')}:app`)) as object;
    expect(config).toMatchObject({ rootfs: { diff_ids: image.layers.map(({ diffId }) => diffId) } });
  });

  it.each(['docker-archive', 'oci-archive'])('what skopeo writes as %s imports as the same image', (transport) => {
    const path = at(`skopeo-${transport}.tar`);
    run('skopeo', 'copy', `oci:${at('layout-keep')}:app`, `${transport}:${path}:${NAME}`);
    const root = freshStore();
    layermill(root, 'import', path, '--name', NAME);
    const [found] = layermillJson<Inspected>(root, 'inspect', NAME);
    expect(found!.layers.map(({ diffId }) => diffId)).toEqual(image.layers.map(({ diffId }) => diffId));
    expect(unpacked(root)).toEqual(unpacked(store));
  });

  it.runIf(isRoot)('an image that umoci made imports with its digests and its tree', () => {
    const layout = at('umoci');
    run('umoci', 'init', '--layout', layout);
    run('umoci', 'new', '--image', `${layout}:new`);
    run('umoci', 'unpack', '--image', `${layout}:new`, at('bundle'));
    mkdirSync(at('bundle/rootfs/etc'), { mode: 0o750 });
    writeFileSync(at('bundle/rootfs/etc/file'), 'made by umoci');
    symlinkSync('etc/file', at('bundle/rootfs/link'));
    // umoci writes whole seconds.
    for (const name of ['etc/file', 'etc']) utimesSync(at(`bundle/rootfs/${name}`), 5, 5);
    run('umoci', 'repack', '--image', `${layout}:made`, at('bundle'));
    rmSync(at('bundle/rootfs/link'));
    run('umoci', 'repack', '--refresh-bundle', '--image', `${layout}:made`, at('bundle'));

    const root = freshStore();
    layermill(root, 'import', `oci:${layout}:made`, '--name', NAME);
    const manifest = JSON.parse(run('skopeo', 'inspect', '--raw', `oci:${layout}:made`)) as {
      config: { digest: string };
    };
    const [found] = layermillJson<Inspected>(root, 'inspect', NAME);
    expect(found!.configDigest).toBe(manifest.config.digest);
    expect(unpacked(root)).toEqual(treeOf(at('bundle/rootfs')));
  });
});
