import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliLab } from '../support/cli-lab.ts';
import { dockerArchiveFiles, fixtureImage, fixtureLayer, writeArchiveFile } from '../support/image-fixture.ts';
import { fits } from '../support/json-schema.ts';
import { ScriptedRegistry } from '../support/scripted-registry.ts';

const schema = JSON.parse(readFileSync(new URL('../../config/events.schema.json', import.meta.url), 'utf8')) as Record<
  string,
  unknown
>;

const base = fixtureLayer({ 'etc/os-release': 'ID=demo\n' });

let lab: CliLab;
beforeEach(() => {
  lab = new CliLab();
  for (const [name, app] of [
    ['one', 'one\n'],
    ['two', 'two\n'],
  ] as const) {
    const image = fixtureImage([base, fixtureLayer({ app })], { names: [`team/${name}:1`] });
    writeArchiveFile(lab.path(`${name}.tar`), dockerArchiveFiles([image]));
  }
});
afterEach(() => lab[Symbol.asyncDispose]());

const sources = (): string[] => [lab.path('one.tar'), lab.path('two.tar')];
const ledger = (): string[] => ['--ledger', lab.path('run.ledger')];

describe('run --progress json', () => {
  it('writes events that fit the published schema to stderr, and nothing else', async () => {
    writeFileSync(lab.path('broken.tar'), 'no archive');
    const args = ['run', ...sources(), lab.path('broken.tar'), `oci:${lab.path('out')}`, ...ledger()];
    const { code, stderr, stdout } = await lab.run('--progress', 'json', ...args);
    expect(code).toBe(3);
    const events = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    for (const event of events) expect(fits(schema, event), JSON.stringify(event)).toBe(true);
    const types = events.map(({ type }) => type);
    expect(types.filter((type) => type === 'layer-done')).toHaveLength(3);
    expect(types.filter((type) => type === 'image-done')).toHaveLength(2);
    expect(types.filter((type) => type === 'image-failed')).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({
      type: 'finished',
      outcome: 'failed',
      progress: { images: { done: 2 }, layers: { done: 3, failed: 0, total: 3 }, etaSeconds: 0, active: [] },
    });
    expect(stdout.toString().trimEnd().split('\n')).toHaveLength(2);
  });
});

it('a log gets a last line with all that was done', async () => {
  const { code, stderr } = await lab.run('run', ...sources(), `oci:${lab.path('out')}`, ...ledger());
  expect(code).toBe(0);
  expect(stderr).toMatch(/^layermill: 2\/2 images, [\d.]+ kB of [\d.]+ kB/m);
});

describe('run --metrics', () => {
  it('serves the numbers while it runs', async () => {
    const registry = await ScriptedRegistry.open();
    try {
      // It waits for somebody, so that there is time to ask.
      registry.fail(
        { method: 'PUT', path: /manifests/ },
        { is: 'status', status: 503, headers: { 'retry-after': '2' } },
        1,
      );
      const child = lab.start(
        ['run', ...sources(), `docker://${registry.host}/moved/`, '--tls-verify=false', '--metrics', '0', ...ledger()],
        { HOME: lab.dir, XDG_RUNTIME_DIR: lab.dir },
      );
      child.stdin!.end();
      const url = await new Promise<string>((resolve) => {
        let text = '';
        child.stderr!.on('data', (chunk: Buffer) => {
          text += chunk.toString();
          const found = /metrics: (http:\S+)\n/.exec(text)?.[1];
          if (found !== undefined) resolve(found);
        });
      });
      const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
      expect(await (await fetch(url)).text()).toMatch(/^layermill_batch_images\{state="done"\} \d+$/m);
      expect(await closed).toBe(0);
      await expect(fetch(url)).rejects.toThrow();
    } finally {
      await registry.close();
    }
  });

  it('refuses a port that is in use, or is none, before anything is done', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      for (const asked of [String(port), 'many', '65536']) {
        const args = [...sources(), `oci:${lab.path('out')}`, '--metrics', asked, ...ledger()];
        const { code, stderr, stdout } = await lab.run('run', ...args);
        expect([code, stdout.toString()]).toEqual([2, '']);
        expect(stderr).toContain(asked === String(port) ? `port ${port} of 127.0.0.1 is in use` : '--metrics');
      }
    } finally {
      server.close();
    }
  });
});
