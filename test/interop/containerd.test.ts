import { setTimeout as delay } from 'node:timers/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isContainerdRoot, openContainerdRoot } from '../../src/formats/docker-root/containerd/open.ts';
import type { RootSource } from '../../src/formats/docker-root/root-listing.ts';
import { hasCode } from '../../src/errors/kinds.ts';
import { sha256Digest } from '../../src/identity/digest.ts';
import type { ModernImage, SourceIndex, SourceItem } from '../../src/image/image-source.ts';
import { ContainerdDaemon } from '../support/containerd-daemon.ts';
import { DockerDaemon } from '../support/docker-daemon.ts';
import { type FormatLab, openFormatLab } from '../support/format-context.ts';
import {
  dockerArchiveFiles,
  fixtureImage,
  fixtureLayer,
  FixtureLayout,
  named,
  writeArchiveFile,
} from '../support/image-fixture.ts';
import { oddImage } from '../support/odd-image.ts';
import { missing } from '../support/programs.ts';
import { treeState } from '../support/tree-state.ts';

const NAME = 'interop/odd:1';
const HUB = 'docker.io';
const odd = oddImage(NAME);
const base = fixtureLayer({ 'bin/sh': 'shell' }, 'gzip');
const amd64 = fixtureImage([base, fixtureLayer({ motd: 'hello' })]);
const arm64 = fixtureImage([fixtureLayer({ 'bin/sh': 'arm shell' }, 'gzip')], { config: { architecture: 'arm64' } });
const absent = missing(['containerd', 'ctr']);
const reason = process.geteuid?.() === 0 ? absent.map((program) => `no ${program}`).join(', ') : 'needs root';
if (reason !== '') console.log(`skipped: containerd: ${reason}`);
const noDocker = missing(['dockerd', 'docker']);
if (noDocker.length > 0) console.log(`skipped: the containerd of Docker: no ${noDocker.join(', ')}`);

/** What is there once the daemon has thrown away what nothing needs, which it does some time after an import. */
async function settled(root: string): Promise<string[]> {
  for (let before = treeState(root); ;) {
    await delay(1500);
    const now = treeState(root);
    if (now.join() === before.join()) return now;
    before = now;
  }
}

describe.skipIf(reason !== '')('the image store of containerd', () => {
  let daemon: ContainerdDaemon;
  let lab: FormatLab;
  /** What `ctr images ls` showed. */
  let moby: Map<string, string>;
  let others: Map<string, string>;
  const open = (): Promise<RootSource> => openContainerdRoot(daemon.root, null, lab.context);
  const importImages = (namespace: string, path: string, ...options: string[]): string =>
    daemon.ctr(namespace, 'images', 'import', '--snapshotter', 'native', ...options, path);

  async function read(): Promise<{ items: SourceItem[]; warnings: readonly string[] }> {
    const before = await settled(daemon.root);
    const source = await open();
    const items: SourceItem[] = [];
    for await (const item of source.images()) items.push(item);
    expect(treeState(daemon.root)).toEqual(before);
    return { items, warnings: source.warnings ?? [] };
  }

  beforeAll(async () => {
    lab = openFormatLab();
    daemon = await ContainerdDaemon.start();
    importImages('moby', writeArchiveFile(join(lab.dir, 'odd.tar'), dockerArchiveFiles([odd])));
    daemon.ctr('moby', 'images', 'tag', `${HUB}/${NAME}`, `${HUB}/library/odd:latest`);
    daemon.ctr('moby', 'images', 'tag', `${HUB}/${NAME}`, 'ghcr.io/a/b:2');
    const layout = new FixtureLayout();
    const members = [
      { ...layout.image(amd64), platform: { os: 'linux', architecture: 'amd64' } },
      { ...layout.image(arm64), platform: { os: 'linux', architecture: 'arm64' } },
    ];
    const index = named(layout.index(members), '1', 'ghcr.io/multi/arch:1');
    const path = writeArchiveFile(join(lab.dir, 'multi.tar'), layout.list([index]).files);
    importImages('default', path, '--all-platforms', '--digests');
    [moby, others] = [daemon.images('moby'), daemon.images('default')];
  });
  afterAll(async () => {
    await daemon?.stop();
    await lab.close();
  });

  function expectAll(items: SourceItem[]): void {
    expect(items.map(({ kind }) => kind)).toEqual(['modern', 'modern', 'modern', 'index']);
    const [first, second, third, index] = items as [ModernImage, ModernImage, ModernImage, SourceIndex];
    expect(first.configDigest).toBe(odd.configDigest);
    expect(first.names).toEqual([NAME, 'odd:latest', 'ghcr.io/a/b:2']);
    expect([...new Set(moby.values())]).toEqual([first.manifest!.digest]);
    expect(first.layers.map(({ diffId }) => diffId)).toEqual(odd.layers.map(({ diffId }) => diffId));
    expect([second, third].map(({ configDigest }) => configDigest)).toEqual([amd64.configDigest, arm64.configDigest]);
    expect(index.names).toEqual(['ghcr.io/multi/arch:1']);
    expect(others.get('ghcr.io/multi/arch:1')).toBe(index.digest);
    for (const { layers } of [first, second, third]) {
      for (const { blob } of layers)
        expect(sha256Digest(readFileSync((blob as { path: string }).path))).toBe(blob.digest);
    }
  }

  it('is read while the daemon runs, which is said', async () => {
    expect(await isContainerdRoot(daemon.root)).toBe(true);
    const { items, warnings } = await read();
    expectAll(items);
    expect(warnings).toEqual(['a daemon has the image store open; its images are read as they were at one moment']);
  });

  it('is listed with the sizes and directories that the snapshotter has', async () => {
    const { images, driver, warnings } = await (await open()).listing();
    expect(driver).toBe('native');
    expect(warnings).toContain('namespaces: "default" (2 images), "moby" (3 images)');
    const [image] = images;
    expect(image).toMatchObject({ id: odd.configDigest, damaged: null });
    for (const layer of image!.layers) {
      expect(layer.dir).toMatch(/^io\.containerd\.snapshotter\.v1\.native\/snapshots\/\d+$/);
      expect(layer.size).toBeGreaterThan(0);
    }
  });

  it('is read as it was at some moment while the daemon writes', async () => {
    const before = moby.size;
    const script = `for i in $(seq 60); do ctr -a "$0/socket" -n moby images tag ${HUB}/${NAME} ${HUB}/library/many:$i; done`;
    const writing = spawn('sh', ['-c', script, daemon.dir], { stdio: 'ignore' });
    const ended = once(writing, 'exit');
    const counts: number[] = [];
    while (writing.exitCode === null) {
      for await (const item of (await open()).images()) {
        if (item.kind === 'broken') throw item.error;
        if (item.kind === 'modern' && item.configDigest === odd.configDigest) counts.push(item.names.length);
      }
    }
    await ended;
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(new Set(counts).size).toBeGreaterThan(3);
    expect(daemon.images('moby').size).toBe(before + 60);
    const many = [...daemon.images('moby').keys()].filter((name) => name.includes('/many:'));
    daemon.ctr('moby', 'images', 'rm', '--sync', ...many);
  });

  it('tells a layer that was thrown away after it had been unpacked', async () => {
    const [digest] = odd.layers.map((layer) => layer.digest).slice(1);
    daemon.ctr('moby', 'content', 'rm', digest!);
    const blob = join(daemon.root, 'io.containerd.content.v1.content/blobs', ...digest!.split(':'));
    // The daemon removes the file some time later.
    await expect.poll(() => existsSync(blob), { timeout: 20_000 }).toBe(false);
    const { items } = await read();
    const [broken] = items.filter((item) => item.kind === 'broken');
    if (!hasCode(broken?.error, 'LAYER_ONLY_UNPACKED')) throw new Error('nothing told');
    expect(broken.error.details).toMatchObject({ digest, snapshotters: ['native'] });
    expect(broken.error.details.commands).toContain(`ctr -n moby content fetch ${HUB}/${NAME}`);
    importImages('moby', join(lab.dir, 'odd.tar'));
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)('is read after the daemon has ended by %s', async (signal) => {
    if (signal === 'SIGTERM') await daemon.restart();
    await daemon.end(signal);
    const { items, warnings } = await read();
    expectAll(items);
    expect(warnings).toEqual([]);
  });
});

describe.skipIf(reason !== '' || noDocker.length > 0)('the containerd that Docker starts', () => {
  it('is no image store as long as Docker keeps its images elsewhere', async () => {
    await using lab = openFormatLab();
    const docker = await DockerDaemon.start();
    try {
      const archive = writeArchiveFile(join(lab.dir, 'odd.tar'), dockerArchiveFiles([odd]));
      docker.docker('load', '--input', archive);
      const root = join(docker.root, 'data');
      expect(existsSync(join(root, 'containerd/daemon/io.containerd.metadata.v1.bolt/meta.db'))).toBe(true);
      expect(await isContainerdRoot(root)).toBe(false);
    } finally {
      await docker.stop();
    }
  });
});
