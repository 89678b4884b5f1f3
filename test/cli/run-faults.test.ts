import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliLab, type CliResult, resultOf } from '../support/cli-lab.ts';
import { makeFleet, writeFleet } from '../support/fleet.ts';
import { dockerArchiveFiles, fixtureImage, fixtureLayer, writeArchiveFile } from '../support/image-fixture.ts';
import { ScriptedRegistry } from '../support/scripted-registry.ts';

const IMAGES = 6;
const LAYERS = 10;

let lab: CliLab;
beforeEach(() => {
  lab = new CliLab();
  writeFleet(makeFleet({ images: IMAGES, layers: LAYERS, layerBytes: 200_000 }), lab.path('fleet'));
});
afterEach(() => lab[Symbol.asyncDispose]());

const ledger = (): string => lab.path('l');

/** The command, for one destination; the same words again go on with it. */
function command(destination: string, ...args: string[]): string[] {
  const where = ['--ledger', ledger(), '--cache', 'none', '--tls-verify=false'];
  return ['run', `${lab.path('fleet')}/*.tar`, destination, ...where, ...args];
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 400) throw new Error('it did not come to that');
    await setTimeout(25);
  }
}

/** How many images are done and have failed, by the report. */
async function outcome(): Promise<{ done: number; failed: number }> {
  const [report] = await lab.json<{ totals: { images: { done: number; failed: number } } }>('report', ledger());
  const { done, failed } = report!.totals.images;
  return { done, failed };
}

describe('a run whose registry does not answer', () => {
  const UPLOADS = { path: /blobs\/uploads/ };

  it('is interrupted by Ctrl-C, which is not a failure, and goes on with the same command', async () => {
    await using registry = await ScriptedRegistry.open();
    registry.fail(UPLOADS, { is: 'stall', after: 0 }, 1000);
    const args = command(`docker://${registry.host}/moved/`);
    const child = lab.start(args);
    const ended = resultOf(child);
    await until(() => registry.requests('POST').length > 0);
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/SIGINT: stopping/);
    expect(lab.leftOvers()).toEqual([]);
    expect(await outcome()).toEqual({ done: 0, failed: 0 });
    registry.forgive();
    expect((await lab.run(...args)).code).toBe(0);
    expect(registry.tags.size).toBe(IMAGES);
  });

  it('keeps its ledger to itself, and tells who has it', async () => {
    await using registry = await ScriptedRegistry.open();
    registry.fail(UPLOADS, { is: 'stall', after: 0 }, 1000);
    const args = command(`docker://${registry.host}/moved/`);
    const child = lab.start(args);
    const ended = resultOf(child);
    await until(() => registry.requests('POST').length > 0);
    const second = await lab.run(...args);
    expect(second.code).toBe(2);
    expect(second.stderr).toContain(ledger());
    expect(second.stderr).toContain(String(child.pid));
    // Who only reads is let in.
    expect((await lab.run('run', '--status', ledger())).code).toBe(0);
    child.kill('SIGKILL');
    await ended;
    registry.forgive();
    expect((await lab.run(...args)).code).toBe(0);
  });

  it('waits for one that is down for a while', async () => {
    await using registry = await ScriptedRegistry.open();
    registry.fail(UPLOADS, { is: 'status', status: 503 }, 6);
    const result = await lab.run(
      ...command(`docker://${registry.host}/moved/`, '--retry-times', '0', '--retries', '3'),
    );
    expect([result.code, result.stderr]).toEqual([0, expect.any(String)]);
    expect(await outcome()).toEqual({ done: IMAGES, failed: 0 });
  });

  it('exits with 4 when it is not back in time, and brings the rest when it is', async () => {
    await using registry = await ScriptedRegistry.open();
    registry.fail(UPLOADS, { is: 'status', status: 503 }, 1000);
    const args = command(`docker://${registry.host}/moved/`, '--retry-times', '0', '--retries', '0');
    const down = await lab.run(...args);
    expect(down.code).toBe(4);
    expect(down.stderr).toContain(registry.host);
    expect(await outcome()).toEqual({ done: 0, failed: IMAGES });
    registry.forgive();
    expect((await lab.run(...args)).code).toBe(0);
    expect(await outcome()).toEqual({ done: IMAGES, failed: 0 });
  });
});

describe('a run among whose images some cannot be brought', () => {
  it('brings the others where one destination cannot be written', async () => {
    writeFileSync(lab.path('file'), '');
    const job = (sources: string): string => `version: 1
sync:
  - { source: '${lab.path('fleet')}/00000.tar', target: 'oci:${lab.path('file')}/out', type: archive }
  - { source: '${lab.path('fleet')}/${sources}', target: 'oci:${lab.path('out')}', type: pattern }
`;
    writeFileSync(lab.path('job.yaml'), job('0000[1-5].tar'));
    const { code, stderr, stdout } = await lab.run('run', lab.path('job.yaml'));
    expect(code).toBe(3);
    expect(stderr).toContain(`${lab.path('file')}/out`);
    expect(stdout.toString().trimEnd().split('\n')).toHaveLength(IMAGES - 1);
  });

  it('exits with 5 for one that would not stay as it has to', async () => {
    const { code, stderr } = await lab.run(...command(`oci:${lab.path('out')}`, '--preserve-digests'));
    expect(code).toBe(5);
    expect(stderr).toContain('fleet/app-3:1');
  });

  it('tells of a source that became another after it was begun, and takes it as it is then', async () => {
    await using registry = await ScriptedRegistry.open();
    const args = command(`docker://${registry.host}/moved/`, '--retry-times', '0', '--retries', '0');
    registry.fail({ method: 'PUT', path: /app-2\/manifests/ }, { is: 'status', status: 503 });
    expect((await lab.run(...args)).code).toBe(4);
    const changed = fixtureImage([fixtureLayer({ other: 'one' })], { names: ['fleet/app-2:1'] });
    writeArchiveFile(join(lab.path('fleet'), '00002.tar'), dockerArchiveFiles([changed]));
    expect((await lab.run(...args)).code).toBe(0);
    expect(registry.tags.size).toBe(IMAGES);
    const { raw } = registry.manifests.get(`moved/fleet/app-2@${registry.tags.get('moved/fleet/app-2:1')}`)!;
    expect(JSON.parse(raw.toString())).toMatchObject({ config: { digest: changed.configDigest } });
  });
});

/** A file system of so many bytes, or null where nobody may make one. */
function small(path: string, bytes: number): { grow(to: number): void; [Symbol.dispose](): void } | null {
  const mount = (...options: string[]): void =>
    void execFileSync('mount', ['-t', 'tmpfs', '-o', options.join(','), 'tmpfs', path], { stdio: 'ignore' });
  mkdirSync(path);
  try {
    mount(`size=${bytes}`);
  } catch {
    return null;
  }
  return {
    grow: (to) => mount('remount', `size=${to}`),
    [Symbol.dispose]: () => void execFileSync('umount', ['-l', path]),
  };
}

describe('a run on a disk that is full', () => {
  it.each(['oci', 'docker-archive'])(
    'exits with 6, says what is full, and goes on when there is room: %s',
    async (transport) => {
      using disk = small(lab.path('small'), 1_000_000);
      if (disk === null) {
        console.log('skipped: only root may mount');
        return;
      }
      const args = command(`${transport}:${lab.path('small')}/out`, '--retries', '0');
      const full = await lab.run(...args);
      expect(full.code).toBe(6);
      expect(full.stderr).toContain('no space left');
      expect(full.stderr).toContain(lab.path('small'));
      expect(lab.leftOvers()).toEqual([]);
      const { stdout } = await lab.run('report', ledger());
      expect(stdout.toString()).toMatch(/NO_SPACE[^]*free space/);
      disk.grow(20_000_000);
      expect((await lab.run(...args)).code).toBe(0);
      expect(await outcome()).toEqual({ done: IMAGES, failed: 0 });
      expect(readdirSync(lab.path('small'))).toEqual(['out']);
      expect((await lab.run('verify', ledger(), '--level', 'full')).code).toBe(0);
    },
  );

  it('for temporary files exits with 6 too', async () => {
    using disk = small(lab.path('small'), 32_768);
    if (disk === null) {
      console.log('skipped: only root may mount');
      return;
    }
    await using registry = await ScriptedRegistry.open();
    const args = command(`docker://${registry.host}/moved/`, '--retries', '0', '--dest-compress-format', 'zstd');
    const env = { TMPDIR: lab.path('small') };
    const full = await lab.runWith({ env }, ...args);
    expect(full.code).toBe(6);
    expect(full.stderr).toContain(lab.path('small'));
    disk.grow(20_000_000);
    expect((await lab.runWith({ env }, ...args)).code).toBe(0);
    expect(readdirSync(lab.path('small'))).toEqual([]);
  });
});

describe('packing', () => {
  const bytesOf = (name: string): string[] => {
    const blobs = join(lab.path(name), 'blobs/sha256');
    return [...readdirSync(blobs).toSorted(), readFileSync(join(lab.path(name), 'index.json'), 'utf8')];
  };
  const pack = (name: string, ...args: string[]): Promise<CliResult> =>
    lab.run(
      'run',
      `${lab.path('fleet')}/*.tar`,
      `oci:${lab.path(name)}`,
      '--ledger',
      lab.path(`${name}.ledger`),
      ...args,
    );

  it.each(['gzip', 'zstd'])(
    'gives the same bytes with any number of threads, and from the cache: %s',
    async (format) => {
      const packing = ['--dest-compress-format', format];
      for (const threads of ['1', '2', '8'])
        expect((await pack(`with${threads}`, ...packing, '--threads', threads, '--cache', 'none')).code).toBe(0);
      expect(bytesOf('with2')).toEqual(bytesOf('with1'));
      expect(bytesOf('with8')).toEqual(bytesOf('with1'));
      await pack('filling', ...packing);
      rmSync(lab.path('filling'), { recursive: true });
      expect((await pack('cached', ...packing)).code).toBe(0);
      expect(bytesOf('cached')).toEqual(bytesOf('with1'));
      const report = async (name: string): Promise<string> =>
        JSON.stringify(await lab.json('report', lab.path(`${name}.ledger`)));
      expect(await report('with1')).toMatch(/"compress":[1-9]/);
      expect(await report('cached')).not.toMatch(/"compress":[1-9]/);
    },
  );
});
