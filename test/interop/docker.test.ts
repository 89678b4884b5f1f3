import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DockerDaemon } from '../support/docker-daemon.ts';
import { dockerArchiveFiles, legacyArchiveFiles, v1Id, writeArchiveFile } from '../support/image-fixture.ts';
import { oddImage } from '../support/odd-image.ts';
import { layermill, layermillJson, missing } from '../support/programs.ts';

const NAME = 'interop/odd:1';
const image = oddImage(NAME);
const diffIds = image.layers.map(({ diffId }) => diffId);
const absent = missing(['dockerd', 'docker', 'containerd']);
const reason = process.geteuid?.() === 0 ? absent.map((program) => `no ${program}`).join(', ') : 'needs root';
if (reason !== '') console.log(`skipped: the Docker daemon: ${reason}`);

interface Inspected {
  id: string;
  configDigest: string;
  layers: { diffId: string }[];
}

describe.skipIf(reason !== '')('docker-archives, with the Docker daemon', () => {
  let work: string;
  let daemon: DockerDaemon;
  let store: string;
  const at = (name: string): string => join(work, name);
  const dockerId = (name: string): string => daemon.docker('image', 'inspect', '--format', '{{.Id}}', name);
  const dockerLayers = (name: string): unknown =>
    JSON.parse(daemon.docker('image', 'inspect', '--format', '{{json .RootFS.Layers}}', name));
  const expectSameAsDocker = (archive: string, name: string): void => {
    const root = mkdtempSync(at('store-'));
    layermill(root, 'import', archive);
    const [found] = layermillJson<Inspected>(root, 'inspect', name);
    expect(found!.configDigest).toBe(dockerId(name));
    expect(`sha256:${found!.id}`).toBe(dockerId(name));
    expect(found!.layers.map(({ diffId }) => diffId)).toEqual(dockerLayers(name));
  };

  beforeAll(async () => {
    work = mkdtempSync(join(tmpdir(), 'layermill-interop-'));
    store = mkdtempSync(at('store-'));
    layermill(store, 'import', writeArchiveFile(at('source.tar'), dockerArchiveFiles([image])));
    daemon = await DockerDaemon.start();
  });
  afterAll(async () => {
    await daemon?.stop();
    rmSync(work, { recursive: true });
  });

  it.each(['none', 'gzip'])('docker load shows the same image, layers packed with %s', (compression) => {
    const path = at(`ours-${compression}.tar`);
    layermill(store, 'export', NAME, '--to', `docker-archive:${path}`, '--compression', compression);
    daemon.docker('load', '--input', path);
    expect(dockerId(NAME)).toBe(image.configDigest);
    expect(dockerLayers(NAME)).toEqual(diffIds);
    if (compression === 'none') daemon.docker('image', 'rm', NAME);
  });

  it('what docker saves imports with the same digests', () => {
    daemon.docker('save', '--output', at('saved.tar'), NAME);
    expectSameAsDocker(at('saved.tar'), NAME);
  });

  it('an image that docker made imports with its digests', () => {
    mkdirSync(at('context'));
    writeFileSync(at('context/Dockerfile'), 'FROM interop/odd:1\nCOPY file /etc/file\nENV A=1\nLABEL b=2\n');
    writeFileSync(at('context/file'), 'made by docker');
    daemon.docker('build', '--quiet', '--network', 'none', '--tag', 'interop/made:1', at('context'));
    daemon.docker('save', '--output', at('made.tar'), 'interop/made:1', NAME);
    expectSameAsDocker(at('made.tar'), 'interop/made:1');
    expectSameAsDocker(at('made.tar'), NAME);
  });

  it.each(['0.11.1', '1.7.1', '1.9.1', ''])(
    'makes of a v1 image of Docker %j the image that docker makes of it',
    (version) => {
      const name = `interop/v1:${version || 'none'}`;
      const run = {
        Cmd: ['/bin/sh'],
        Env: ['A=<b>&\t'],
        Labels: { b: '2', a: '1' },
        Memory: 3,
        ExposedPorts: { '80/tcp': {} },
      };
      const json = {
        docker_version: version,
        os: 'linux',
        architecture: 'amd64',
        author: 'A <a@b>',
        config: run,
        Size: 7,
      };
      const more = { comment: 'top', container_config: { Cmd: ['/bin/sh', '-c', 'echo >x'] }, checksum: 'tarsum' };
      const files = legacyArchiveFiles(
        [
          { id: v1Id('a'), json: { ...json, container_config: {} } },
          { id: v1Id('b'), parent: v1Id('a'), json: { ...json, ...more, created: '2015-01-02T03:04:05.120Z' } },
        ],
        { 'interop/v1': { [version || 'none']: v1Id('b') } },
      );
      const root = mkdtempSync(at('store-'));
      layermill(root, 'import', writeArchiveFile(at('v1.tar'), files));
      layermill(root, 'export', name, '--to', `docker-archive:${at('v1-old.tar')}`, '--legacy');
      daemon.docker('load', '--input', at('v1-old.tar'));
      const theirs = dockerId(name);
      daemon.docker('image', 'rm', '--force', name);
      layermill(root, 'export', name, '--to', `docker-archive:${at('v1-new.tar')}`);
      daemon.docker('load', '--input', at('v1-new.tar'));
      expect(dockerId(name)).toBe(theirs);
      for (const file of ['v1.tar', 'v1-old.tar', 'v1-new.tar']) rmSync(at(file));
    },
  );

  it('docker load takes an archive of the old kind', () => {
    const path = at('legacy.tar');
    layermill(store, 'export', NAME, '--to', `docker-archive:${path}`, '--legacy');
    daemon.docker('image', 'rm', '--force', NAME);
    daemon.docker('load', '--input', path);
    expect(dockerLayers(NAME)).toEqual(diffIds);
  });
});
