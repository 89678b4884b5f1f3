import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dockerArchiveFiles, writeArchiveFile } from '../support/image-fixture.ts';
import { oddImage } from '../support/odd-image.ts';
import { layermill, layermillJson, missing, run } from '../support/programs.ts';
import { treeState } from '../support/tree-state.ts';

const NAME = 'localhost/interop/odd:1';
const image = oddImage(NAME);
const absent = missing(['podman']);
const reason = process.geteuid?.() === 0 ? absent.map((program) => `no ${program}`).join(', ') : 'needs root';
if (reason !== '') console.log(`skipped: directories of podman: ${reason}`);

interface Inspected {
  configDigest: string;
  layers: { diffId: string }[];
}

describe.skipIf(reason !== '').each(['overlay', 'vfs'])('what podman stored with %s', (driver) => {
  let work: string;
  const at = (name: string): string => join(work, name);

  beforeAll(() => {
    work = mkdtempSync(join(tmpdir(), 'layermill-interop-'));
    const archive = writeArchiveFile(at('source.tar'), dockerArchiveFiles([image]));
    const where = ['--root', at('root'), '--runroot', at('run'), '--storage-driver', driver];
    run('podman', ...where, 'load', '--quiet', '--input', archive);
  });
  afterAll(() => {
    // podman leaves its own directory mounted.
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
    const left = mounts.map((line) => line.split(' ')[1] ?? '').filter((path) => path.startsWith(work));
    for (const path of left.reverse()) run('umount', '--lazy', path);
    rmSync(work, { recursive: true });
  });

  it('imports with its config and DiffIDs, and nothing in the directory changes', () => {
    const before = treeState(at('root'));
    layermill(at('store'), 'import', `containers-root:${at('root')}:${NAME}`);
    const [found] = layermillJson<Inspected>(at('store'), 'inspect', NAME);
    expect(found!.configDigest).toBe(image.configDigest);
    expect(found!.layers.map(({ diffId }) => diffId)).toEqual(image.layers.map(({ diffId }) => diffId));
    expect(treeState(at('root'))).toEqual(before);
  });
});
