import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DockerDaemon } from '../support/docker-daemon.ts';
import { dockerArchiveFiles, writeArchiveFile } from '../support/image-fixture.ts';
import { oddImage } from '../support/odd-image.ts';
import { layermill, layermillJson, missing } from '../support/programs.ts';
import { treeState } from '../support/tree-state.ts';

const LOADED = 'interop/odd:1';
const BUILT = 'interop/made:1';
const image = oddImage(LOADED);
const absent = missing(['dockerd', 'docker', 'containerd']);
const reason = process.geteuid?.() === 0 ? absent.map((program) => `no ${program}`).join(', ') : 'needs root';
if (reason !== '') console.log(`skipped: data directories of the Docker daemon: ${reason}`);

interface Inspected {
  configDigest: string;
  layers: { diffId: string }[];
}

describe.skipIf(reason !== '').each(['overlay2', 'vfs', 'overlay', 'btrfs'])(
  'what dockerd stored with %s',
  (driver) => {
    let work: string;
    let daemon: DockerDaemon | undefined;
    let why = '';
    const ids = new Map<string, string>();
    const layers = new Map<string, unknown>();
    const at = (name: string): string => join(work, name);
    const inspect = (format: string, name: string): string =>
      daemon!.docker('image', 'inspect', '--format', format, name);

    beforeAll(async () => {
      work = mkdtempSync(join(tmpdir(), 'layermill-interop-'));
      try {
        daemon = await DockerDaemon.start(driver);
      } catch (error) {
        why = String(error);
        console.log(`skipped: dockerd with ${driver}: ${why.slice(0, 500)}`);
        return;
      }
      daemon.docker('load', '--input', writeArchiveFile(at('source.tar'), dockerArchiveFiles([image])));
      mkdirSync(at('context'));
      writeFileSync(at('context/Dockerfile'), `FROM ${LOADED}\nCOPY file /etc/file\nENV A=1\nCOPY file /bin/b\n`);
      writeFileSync(at('context/file'), 'made by docker');
      daemon.docker('build', '--quiet', '--network', 'none', '--tag', BUILT, at('context'));
      for (const name of [LOADED, BUILT]) {
        ids.set(name, inspect('{{.Id}}', name));
        layers.set(name, JSON.parse(inspect('{{json .RootFS.Layers}}', name)));
      }
      daemon.docker('create', '--name', 'web', LOADED, '/bin/tool');
      daemon.docker('cp', at('context/file'), 'web:/etc/copied');
      await daemon.halt();
    });
    afterAll(async () => {
      await daemon?.stop();
      rmSync(work, { recursive: true });
    });

    it('imports with the ids and DiffIDs that docker shows, and nothing in the directory changes', ({ skip }) => {
      if (why !== '') skip(why);
      const before = treeState(daemon!.data);
      const store = mkdtempSync(at('store-'));
      layermill(store, 'import', `docker-root:${daemon!.data}`);
      for (const name of [LOADED, BUILT]) {
        const [found] = layermillJson<Inspected>(store, 'inspect', name);
        expect(found!.configDigest).toBe(ids.get(name));
        expect(found!.layers.map(({ diffId }) => diffId)).toEqual(layers.get(name));
      }
      layermill(store, 'export', BUILT, '--to', `docker-archive:${at('out.tar')}`);
      expect(treeState(daemon!.data)).toEqual(before);
    });

    it('gives a stopped container with what was put into it', ({ skip }) => {
      if (why !== '') skip(why);
      const store = mkdtempSync(at('store-'));
      layermill(store, 'import', `docker-root:${daemon!.data}#container=web:interop/web:1`);
      const [found] = layermillJson<Inspected>(store, 'inspect', 'interop/web:1');
      expect(found!.layers.slice(0, -1).map(({ diffId }) => diffId)).toEqual(layers.get(LOADED));
      layermill(store, 'unpack', 'interop/web:1', at('unpacked'));
      expect(readFileSync(at('unpacked/etc/copied'), 'utf8')).toBe('made by docker');
      expect(existsSync(at('unpacked/.dockerenv'))).toBe(false);
    });

    it('comes back to docker with the same id', async ({ skip }) => {
      if (why !== '') skip(why);
      const other = await DockerDaemon.start('vfs');
      try {
        other.docker('load', '--input', at('out.tar'));
        expect(other.docker('image', 'inspect', '--format', '{{.Id}}', BUILT)).toBe(ids.get(BUILT));
      } finally {
        await other.stop();
      }
    });
  },
);
