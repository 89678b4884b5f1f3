import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliLab, type CliResult } from '../support/cli-lab.ts';
import { dockerArchiveFiles, fixtureImage, fixtureLayer, writeArchiveFile } from '../support/image-fixture.ts';

const base = fixtureLayer({ 'etc/base': 'base'.repeat(500) });

let lab: CliLab;
beforeEach(() => {
  lab = new CliLab();
  for (const name of ['one', 'two', 'three']) {
    const image = fixtureImage([base, fixtureLayer({ [`bin/${name}`]: name })], { names: [`app/${name}:1`] });
    writeArchiveFile(lab.path(`${name}.tar`), dockerArchiveFiles([image]));
  }
});
afterEach(() => lab[Symbol.asyncDispose]());

const pattern = (): string => `docker-archive:${lab.path('*.tar')}`;
const out = (): string => `oci:${lab.path('out')}`;

/** Runs with a home for ledgers of its own. */
function run(...args: string[]): Promise<CliResult> {
  return lab.runWith({ env: { XDG_STATE_HOME: lab.path('state') } }, ...args);
}

function jobFile(text: string): string {
  writeFileSync(lab.path('job.yaml'), text);
  return lab.path('job.yaml');
}

describe('run', () => {
  it('takes patterns, says where its ledger is, and leaves alone what is done', async () => {
    const first = await run('run', pattern(), out(), '--dest-compress-format', 'gzip');
    expect(first.code).toBe(0);
    expect(first.stderr).toMatch(/3 images, 4 of 6 layers distinct.*ledger: .*\/state\/layermill\/[0-9a-f]+\.ledger/);
    expect(first.stdout.toString().trimEnd().split('\n')).toHaveLength(3);
    const again = await run('--json', 'run', pattern(), out(), '--dest-compress-format', 'gzip');
    expect(again.lines).toMatchObject(
      ['one', 'three', 'two'].map((name) => ({ names: [`app/${name}:1`], changed: false })),
    );
    expect(lab.leftOvers()).toEqual([]);
  });

  it('names a source once that is not there', async () => {
    const none = lab.path('none.tar');
    const { code, stderr } = await run('run', none, out());
    expect([code, stderr]).toEqual([3, expect.stringContaining(`layermill: ${none}: no such file`)]);
    expect(stderr).toMatch(/^1 image, 0 of 0 layers/);
  });

  it('takes a job file, and keeps its ledger beside it', async () => {
    const job = jobFile(`version: 1
defaults: { compression: { format: zstd } }
sync:
  - { source: '${pattern()}', target: '${out()}', type: pattern, tags: { allow: ['1'] } }
`);
    expect((await run('run', job)).code).toBe(0);
    expect(existsSync(lab.path('job.ledger'))).toBe(true);
    const status = await run('run', '--status', job);
    expect(status.stdout.toString()).toMatch(/3 images/);
    expect((await run('report', job)).stdout.toString()).toBe(status.stdout.toString());
  });

  it('takes what was typed before what a file says, and refuses what cannot be meant', async () => {
    writeFileSync(lab.path('list.txt'), `${lab.path('one.tar')} ${out()}\n`);
    expect((await run('run', '--from', lab.path('list.txt'), '--dest-compress-format', 'zstd')).code).toBe(0);
    const index = JSON.parse(readFileSync(lab.path('out/index.json'), 'utf8')) as { manifests: { digest: string }[] };
    const manifest = readFileSync(lab.path(`out/blobs/sha256/${index.manifests[0]!.digest.slice(7)}`), 'utf8');
    expect(manifest).toContain('tar+zstd');
    const refused = await run('run', '--from', lab.path('list.txt'), '--semver', 'new');
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/range of versions/)]);
  });

  it('goes on after a broken archive, lists it for the next run, and exits 3', async () => {
    truncateSync(lab.path('two.tar'), 3000);
    const first = await run('run', pattern(), out(), '--ledger', lab.path('l'));
    expect(first.code).toBe(3);
    expect(first.stdout.toString()).toMatch(/app\/one:1.*\n?.*app\/three:1|app\/three:1.*\n?.*app\/one:1/);
    expect(first.stderr).toMatch(/two\.tar/);
    const report = await run('report', lab.path('l'), '--format', 'junit', '--failed', lab.path('failed.txt'));
    expect(report.stdout.toString()).toMatch(/<testsuites[^>]* errors="1"/);
    expect(readFileSync(lab.path('failed.txt'), 'utf8')).toContain('two.tar');
    const image = fixtureImage([base], { names: ['app/two:1'] });
    writeArchiveFile(lab.path('two.tar'), dockerArchiveFiles([image]));
    const again = await run('--json', 'run', '--from', lab.path('failed.txt'));
    expect([again.code, again.lines]).toMatchObject([0, [{ names: ['app/two:1'], changed: true }]]);
  });

  it('says what is wrong with what was typed, and tries nothing', async () => {
    for (const [args, text] of [
      [['run'], /SOURCE\.\.\. DESTINATION|job file/],
      [['run', lab.path('one.tar'), 'store:'], /store:/],
      [['run', '-', out()], /standard input/],
      [['run', lab.path('none.yaml')], /none\.yaml/],
      [['run', jobFile('version: 1\nsync: [{ sources: a, target: b }]\n')], /did you mean source\?/],
      [['plan', lab.path('one.tar'), out(), '--shards', '0'], /--shards/],
      [['plan', lab.path('one.tar'), out(), '--shards', '1', '-o', lab.path('none/shard')], /none\/shard-1\.yaml/],
      [
        ['run', 'docker://one.example/a:1', 'docker://two.example/{path}:{tag}', '--creds', 'me:secret'],
        /one\.example and two\.example; say whose it is/,
      ],
    ] as const) {
      const { code, stderr } = await run(...args);
      expect([args, code]).toEqual([args, 2]);
      expect(stderr).toMatch(text);
      expect(stderr).not.toMatch(/0\/0 images|secret/);
    }
    expect(existsSync(lab.path('out'))).toBe(false);
  });
});

describe('plan', () => {
  it('says what a run would do, and does nothing', async () => {
    const [plan] = (await run('--json', 'plan', pattern(), out())).lines as [Record<string, unknown>];
    expect(plan).toMatchObject({
      totals: { images: 3, layers: 6, distinctLayers: 4, thereBytes: 0 },
      estimate: { disks: expect.arrayContaining([expect.objectContaining({ needed: expect.any(Number) })]) },
    });
    expect(existsSync(lab.path('out'))).toBe(false);
    await run('run', pattern(), out());
    const [after] = (await run('--json', 'plan', pattern(), out())).lines as [{ totals: Record<string, number> }];
    expect(after.totals['thereBytes']).toBe(after.totals['distinctBytes']);
  });

  it('cuts a batch in shards that are run by themselves, and whose reports are merged', async () => {
    const shards = await run('plan', pattern(), out(), '--shards', '2', '-o', lab.path('shard'));
    expect(shards.code).toBe(0);
    const files = ['shard-1.yaml', 'shard-2.yaml'].map((name) => lab.path(name));
    for (const file of files) expect((await run('run', file)).code).toBe(0);
    const [report] = (await run('report', ...files, '--format', 'json')).lines as [{ totals: { images: object } }];
    expect(report.totals.images).toMatchObject({ done: 3 });
    const index = JSON.parse(readFileSync(join(lab.path('out'), 'index.json'), 'utf8')) as { manifests: unknown[] };
    expect(index.manifests).toHaveLength(3);
  });

  it('prints the job file for what another tool does', async () => {
    writeFileSync(
      lab.path('regsync.yml'),
      `version: 1
sync:
  - { source: 'registry.example/a', target: 'other.example/a', type: repository, tags: { allow: ['v.*'] } }
`,
    );
    const { code, stdout } = await run('plan', '--from', lab.path('regsync.yml'));
    expect(code).toBe(0);
    expect(stdout.toString()).toMatch(/source: docker:\/\/registry\.example\/a/);
  });
});

describe('verify', () => {
  it('finds what a batch has lost, and brings it again', async () => {
    const ledger = lab.path('l');
    await run('run', pattern(), out(), '--dest-compress-format', 'gzip', '--ledger', ledger);
    expect((await run('verify', ledger, '--level', 'diffids')).code).toBe(0);
    const blobs = lab.path('out/blobs/sha256');
    const index = JSON.parse(readFileSync(lab.path('out/index.json'), 'utf8')) as {
      manifests: { digest: string; annotations: Record<string, string> }[];
    };
    const layersOf = (at: number): string[] => {
      const raw = readFileSync(join(blobs, index.manifests[at]!.digest.slice(7)), 'utf8');
      return (JSON.parse(raw) as { layers: { digest: string }[] }).layers.map(({ digest }) => digest.slice(7));
    };
    const [damaged, missing] = [layersOf(0)[1]!, layersOf(1)[1]!];
    const bytes = readFileSync(join(blobs, damaged));
    bytes[20]! ^= 1;
    writeFileSync(join(blobs, damaged), bytes);
    rmSync(join(blobs, missing));
    const wrong = { ...index.manifests[2]!, digest: index.manifests[0]!.digest };
    writeFileSync(
      lab.path('out/index.json'),
      JSON.stringify({ ...index, manifests: [index.manifests[0], index.manifests[1], wrong] }),
    );
    const found = await run('--json', 'verify', ledger, '--level', 'full');
    expect(found.code).toBe(5);
    const codes = (found.lines as { findings: { code: string }[] }[]).map(({ findings }) =>
      findings.map(({ code }) => code),
    );
    expect(codes).toEqual([['DIGEST_MISMATCH'], ['BLOB_MISSING'], expect.arrayContaining(['TAG_MOVED'])]);
    const mended = await run('verify', ledger, '--level', 'full', '--repair');
    expect([mended.code, mended.stderr]).toEqual([0, expect.any(String)]);
    expect((await run('verify', ledger, '--level', 'diffids')).code).toBe(0);
  });
});
