import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CliLab, type CliResult, resultOf } from '../support/cli-lab.ts';
import { type DockerRegistry, startDockerRegistry } from '../support/docker-registry.ts';
import { makeFleet, writeFleet } from '../support/fleet.ts';
import { missing, run } from '../support/programs.ts';

const absent = missing(['docker-registry', 'skopeo']);
if (absent.length > 0) console.log(`skipped: ${absent.join(' and ')} not installed`);

const IMAGES = 40;
const LAYERS = 10;

describe.skipIf(absent.length > 0)("a batch to Docker's registry", () => {
  let server: DockerRegistry;
  let lab: CliLab;
  let target: string;
  const layermill = (...args: string[]): Promise<CliResult> => lab.run(...args, '--tls-verify=false');
  const command = (): string[] => [
    'run',
    `docker-archive:${lab.path('fleet')}/*.tar`,
    target,
    '--ledger',
    lab.path('batch.ledger'),
    '--cache',
    'none',
  ];
  const blobs = (): string => join(server.store, 'docker/registry/v2/blobs/sha256');

  beforeAll(async () => {
    server = await startDockerRegistry();
    lab = new CliLab();
    target = `docker://${server.host}/moved/`;
    writeFleet(makeFleet({ images: IMAGES, layers: LAYERS, layerBytes: 300_000 }), lab.path('fleet'));
  });
  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  /** The blobs of the registry by digest, with their sizes. */
  const stored = (): Map<string, number> =>
    new Map(
      readdirSync(blobs()).flatMap((prefix) =>
        readdirSync(join(blobs(), prefix)).map((hex): [string, number] => [
          `sha256:${hex}`,
          statSync(join(blobs(), prefix, hex, 'data')).size,
        ]),
      ),
    );
  const pathOf = (digest: string): string => join(blobs(), digest.slice(7, 9), digest.slice(7), 'data');
  const layersOf = (image: string): string[] => {
    const raw = run('skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${server.host}/moved/${image}`);
    return (JSON.parse(raw) as { layers: { digest: string }[] }).layers.map(({ digest }) => digest);
  };

  it('goes on after it was killed, and sends each layer once', async () => {
    for (let kill = 0; kill < 3; kill++) {
      const child = lab.start([...command(), '--tls-verify=false']);
      const ended = resultOf(child);
      await setTimeout(700 + 300 * kill);
      child.kill('SIGKILL');
      await ended;
    }
    const { code, stderr } = await layermill(...command());
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    // Layers, a config and a manifest for each image, and nothing else.
    expect(stored().size).toBe(LAYERS + 2 * IMAGES);
    expect(layersOf('fleet/app-7:1').length).toBeGreaterThan(1);
    expect((await layermill('verify', lab.path('batch.ledger'), '--level', 'diffids')).code).toBe(0);
  });

  it('sends nothing when it is repeated', async () => {
    const { lines, code } = await layermill('--json', ...command());
    expect(code).toBe(0);
    expect(lines).toHaveLength(IMAGES);
    for (const line of lines) expect(line).toMatchObject({ changed: false });
  });

  it('mends a blob that is gone and a tag that leads elsewhere', async () => {
    const [, own] = layersOf('fleet/app-3:1');
    rmSync(pathOf(own!));
    run(
      'skopeo',
      '--insecure-policy',
      'copy',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      `docker://${server.host}/moved/fleet/app-5:1`,
      `docker://${server.host}/moved/fleet/app-6:1`,
    );
    const found = await layermill('verify', lab.path('batch.ledger'), '--level', 'digests');
    expect(found.code).toBe(5);
    expect(found.stdout.toString()).toMatch(/BLOB_MISSING/);
    expect(found.stdout.toString()).toMatch(/TAG_MOVED/);
    const mended = await layermill('verify', lab.path('batch.ledger'), '--level', 'full', '--repair');
    expect([mended.code, mended.stderr]).toEqual([0, expect.any(String)]);
    expect((await layermill('verify', lab.path('batch.ledger'), '--level', 'full')).code).toBe(0);
  });

  it('finds wrong bytes, and says what only the registry can mend', async () => {
    const [digest] = layersOf('fleet/app-9:1');
    const bytes = readFileSync(pathOf(digest!));
    bytes[100]! ^= 1;
    writeFileSync(pathOf(digest!), bytes);
    const found = await layermill('verify', lab.path('batch.ledger'), '--level', 'full');
    expect(found.code).toBe(5);
    expect(found.stdout.toString()).toMatch(/DIGEST_MISMATCH/);
    // It keeps a blob that it has, whatever is in it.
    const kept = await layermill('verify', lab.path('batch.ledger'), '--level', 'full', '--repair');
    expect([kept.code, kept.stderr]).toEqual([5, expect.stringContaining('a registry keeps a blob that it has')]);
    rmSync(pathOf(digest!));
    expect((await layermill('verify', lab.path('batch.ledger'), '--level', 'full', '--repair')).code).toBe(0);
  });

  it('goes on from there to a layout, whole repositories at once', async () => {
    writeFileSync(
      lab.path('on.yaml'),
      `version: 1
sync:
  - { source: 'docker://${server.host}', target: 'oci:${lab.path('layout')}', type: registry, repos: { allow: ['moved/fleet/app-1.*'] } }
`,
    );
    const { lines, code } = await layermill('--json', 'run', lab.path('on.yaml'));
    expect(code).toBe(0);
    expect(lines).toHaveLength(11);
    for (const line of lines) expect(line).toMatchObject({ equality: 'identical' });
    const listed = run('skopeo', 'inspect', '--raw', `oci:${lab.path('layout')}:${server.host}/moved/fleet/app-12:1`);
    expect((JSON.parse(listed) as { layers: object[] }).layers.length).toBeGreaterThan(1);
  });
});
