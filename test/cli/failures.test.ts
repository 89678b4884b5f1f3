import { existsSync, mkdirSync, openSync, closeSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSystem } from '../../src/system/select.ts';
import { CliLab, type CliResult, resultOf, stderrLine } from '../support/cli-lab.ts';
import { dockerArchiveFiles, fixtureImage, fixtureLayer, writeArchiveFile } from '../support/image-fixture.ts';

const layer = fixtureLayer({ hello: 'hello' });
const good = fixtureImage([layer], { names: ['good:1'] });
/** Its config promises another layer than the archive holds. */
const lying = fixtureImage([{ ...layer, diffId: `sha256:${'0'.repeat(64)}` }], { names: ['lying:1'] });

const codeIn = (result: CliResult): unknown =>
  (result.lines.at(-1) as { error?: { code?: unknown } } | undefined)?.error?.code;

describe('exit codes', () => {
  let lab: CliLab;
  beforeAll(async () => {
    lab = new CliLab();
    writeArchiveFile(lab.path('good.tar'), dockerArchiveFiles([good]));
    writeArchiveFile(lab.path('mixed.tar'), dockerArchiveFiles([good, lying]));
    writeArchiveFile(lab.path('lying.tar'), dockerArchiveFiles([lying]));
    writeFileSync(lab.path('text.tar'), 'no archive at all\n'.repeat(100));
    writeFileSync(lab.path('cut.tar'), readFileSync(lab.path('good.tar')).subarray(0, 700));
    writeFileSync(lab.path('tiny.json'), '{"limits":{"layerBytes":1024}}');
    writeFileSync(lab.path('typo.json'), '{"limits":{"entrys":1}}');
    await lab.json('import', lab.path('good.tar'));
  });
  afterAll(async () => {
    expect(lab.leftOvers()).toEqual([]);
    await lab[Symbol.asyncDispose]();
  });

  const cases: [what: string, args: (path: (name: string) => string) => string[], exit: number, code: string][] = [
    ['an unknown option', () => ['images', '--colour'], 2, 'INVALID_ARGUMENT'],
    ['an unknown command', () => ['imprt'], 2, 'INVALID_ARGUMENT'],
    ['a missing argument', () => ['inspect'], 2, 'INVALID_ARGUMENT'],
    ['a bad setting', () => ['images', '--jobs', 'many'], 2, 'INVALID_SETTING'],
    ['a mistyped key in a file', (path) => ['images', '--config', path('typo.json')], 2, 'INVALID_SETTING'],
    ['an unknown image', () => ['inspect', 'nothing:1'], 2, 'IMAGE_NOT_FOUND'],
    ['an unknown name to take away', () => ['untag', 'nothing:1'], 2, 'TAG_NOT_FOUND'],
    ['an unknown image to export', (path) => ['export', 'nothing', '--to', `oci:${path('x')}`], 2, 'IMAGE_NOT_FOUND'],
    ['an unknown transport', () => ['export', 'good:1', '--to', 'ftp:somewhere'], 2, 'INVALID_ARGUMENT'],
    ['a level without packing', () => ['layer', 'good:1', '-o', 'x', '--level', '3'], 2, 'INVALID_ARGUMENT'],
    [
      'a level that does not exist',
      (path) => ['layer', 'good:1', '-o', path('x'), '--compression', 'gzip', '--level', '10'],
      2,
      'INVALID_ARGUMENT',
    ],
    [
      'an export with a level that does not exist',
      (path) => ['export', 'good:1', '--to', `oci:${path('x')}`, '--compression', 'gzip:isal', '--level', '4'],
      2,
      'INVALID_ARGUMENT',
    ],
    [
      'reproducible bytes from a library that has none',
      (path) => ['layer', 'good:1', '-o', path('x'), '--compression', 'gzip:isal', '--reproducible'],
      2,
      'INVALID_ARGUMENT',
    ],
    ['a bad name', (path) => ['import', path('good.tar'), '--name', 'UPPER'], 2, 'INVALID_NAME'],
    [
      'a platform that is not there',
      () => ['inspect', 'good:1', '--platform', 'plan9/mips'],
      2,
      'UNSUPPORTED_PLATFORM',
    ],
    [
      'one name for two sources',
      (path) => ['import', path('good.tar'), path('lying.tar'), '--name', 'a'],
      2,
      'INVALID_ARGUMENT',
    ],
    [
      'a changeset and a root file system',
      (path) => ['create', path('good.tar'), '--rootfs', path('.')],
      2,
      'INVALID_ARGUMENT',
    ],
    ['a digest for a tag', () => ['tag', 'good:1', `good@sha256:${'ab'.repeat(32)}`], 2, 'INVALID_TAG'],
    [
      'a digest for the name of an import',
      (path) => ['import', path('fresh.tar'), '--name', `good@sha256:${'ab'.repeat(32)}`],
      2,
      'INVALID_TAG',
    ],
    ['a missing source', (path) => ['import', path('missing.tar')], 2, 'FILE_NOT_FOUND'],
    ['a source that is no archive', (path) => ['import', path('text.tar')], 3, 'NOT_AN_IMAGE'],
    ['an archive that was cut', (path) => ['import', path('cut.tar')], 3, 'TAR_TRUNCATED'],
    ['a layer that is not what its image says', (path) => ['import', path('lying.tar')], 3, 'DIFF_ID_MISMATCH'],
    ['a good image and a bad one', (path) => ['import', path('mixed.tar')], 3, 'DIFF_ID_MISMATCH'],
    [
      'a layer over the limit',
      (path) => ['import', '--config', path('tiny.json'), path('fresh.tar')],
      3,
      'LIMIT_EXCEEDED',
    ],
    [
      'a manifest that cannot stay',
      (path) => ['export', 'good:1', '--to', `oci:${path('y')}`, '--preserve-digests'],
      5,
      'MANIFEST_NOT_PRESERVED',
    ],
  ];

  it.each(cases)('%s', async (_what, args, exit, code) => {
    writeArchiveFile(
      lab.path('fresh.tar'),
      dockerArchiveFiles([fixtureImage([fixtureLayer({ big: 'x'.repeat(10_000) })])]),
    );
    const result = await lab.run('--json', ...args(lab.path.bind(lab)));
    expect([result.code, codeIn(result)]).toEqual([exit, code]);
    expect(Object.keys(result.lines.at(-1) as object)).toEqual(['source', 'ref', 'error']);
    expect(result.stderr).toMatch(/^layermill: /m);
    expect(result.stderr).not.toMatch(/\n\s+at /);
  });

  it('the good image of a mixed archive is there, the bad one is not', async () => {
    const [images] = await lab.json<{ names: string[] }[]>('images');
    expect(images!.flatMap((image) => image.names)).toEqual(['good:1']);
  });

  it('nothing is written for what was refused', () => {
    expect(['x', 'x/index.json', 'y/index.json'].filter((name) => existsSync(lab.path(name)))).toEqual([]);
  });

  it('without a command there is help, and exit 2; asked for it is no error', async () => {
    const nothing = await lab.run();
    expect([nothing.code, nothing.stdout.length, nothing.stderr.includes('Usage:')]).toEqual([2, 0, true]);
    const help = await lab.run('--help');
    expect([help.code, help.stderr, help.stdout.toString().includes('Usage:')]).toEqual([0, '', true]);
    const version = await lab.run('--version');
    expect([version.code, version.stdout.toString()]).toEqual([
      0,
      expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    ]);
  });
});

describe('help', () => {
  const verbs = [
    'import',
    'create',
    'export',
    'layer',
    'unpack',
    'images',
    'inspect',
    'history',
    'heads',
    'tree',
    'tag',
    'untag',
    'rm',
    'delete',
    'list-tags',
    'init-layer',
  ];

  it('lists every verb in one line, and each verb has an example', async () => {
    await using lab = new CliLab();
    const overview = (await lab.run('--help')).stdout.toString();
    for (const verb of verbs) expect(overview).toMatch(new RegExp(`^  ${verb} +[a-z]`, 'm'));
    const texts = await Promise.all(verbs.map(async (verb) => (await lab.run('help', verb)).stdout.toString()));
    expect(
      verbs.filter((verb, index) => !texts[index]!.includes(`$ `) || !texts[index]!.includes(`layermill ${verb}`)),
    ).toEqual([]);
    expect(existsSync(lab.store)).toBe(false);
  });
});

describe('the store says no', () => {
  it('a directory of somebody else is read, and written only when adopted', async () => {
    await using lab = new CliLab();
    mkdirSync(lab.store);
    writeFileSync(`${lab.store}/precious`, 'mine');
    writeArchiveFile(lab.path('good.tar'), dockerArchiveFiles([good]));
    const refused = await lab.run('import', '--json', lab.path('good.tar'));
    expect([refused.code, codeIn(refused)]).toEqual([2, 'STORE_READ_ONLY']);
    expect(readdirSync(lab.store)).toEqual(['precious']);
    expect((await lab.run('import', '--adopt', lab.path('good.tar'))).code).toBe(0);
    expect(readFileSync(`${lab.store}/precious`, 'utf8')).toBe('mine');
  });

  it('another process holds it for longer than we wait: who only looks does not have to', async () => {
    await using lab = new CliLab();
    writeArchiveFile(lab.path('good.tar'), dockerArchiveFiles([good]));
    await lab.json('import', lab.path('good.tar'));
    const system = openSystem();
    const fd = openSync(`${lab.store}/layermill.lock`, 'r+');
    try {
      expect(system.lock(fd, 'exclusive')).toBe(0);
      for (const looking of [['images'], ['inspect', 'good:1'], ['history', 'good:1'], ['layer', 'good:1']])
        expect([looking, (await lab.run('--lock-timeout', '0', ...looking)).code]).toEqual([looking, 0]);
      const result = await lab.run('tag', 'good:1', 'good:2', '--json', '--lock-timeout', '0');
      expect([result.code, codeIn(result)]).toEqual([2, 'STORE_LOCKED']);
    } finally {
      closeSync(fd);
    }
  });
});

describe('stdout and stderr', () => {
  it('-q says nothing but results and errors', async () => {
    await using lab = new CliLab();
    writeArchiveFile(lab.path('good.tar'), dockerArchiveFiles([good]));
    await lab.json('import', lab.path('good.tar'), '--name', 'a');
    const moved = await lab.run('-q', 'import', lab.path('good.tar'));
    expect([moved.code, moved.stderr, moved.stdout.toString().split('\n').length]).toEqual([0, '', 2]);
  });

  it('progress as JSON comes on stderr, logs too', async () => {
    await using lab = new CliLab();
    writeArchiveFile(lab.path('good.tar'), dockerArchiveFiles([good]));
    const { stderr, lines } = await lab.run('import', '--json', '--progress', 'json', lab.path('good.tar'));
    expect(lines).toHaveLength(1);
    const events = stderr
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { event: string }).event);
    expect(events).toEqual(['started', 'finished']);
  });

  it('a stack is for --log-level debug', async () => {
    await using lab = new CliLab();
    expect((await lab.run('inspect', 'nothing')).stderr).not.toMatch(/^\s+at /m);
    expect((await lab.run('inspect', 'nothing', '--log-level', 'debug')).stderr).toMatch(/^\s+at /m);
  });

  it('a reader that goes away is no error', async () => {
    await using lab = new CliLab();
    const child = lab.start(['images', '--json']);
    child.stdout!.destroy();
    const [stderr, code] = await Promise.all([
      child.stderr!.toArray(),
      new Promise<number | null>((resolve) => child.once('exit', resolve)),
    ]);
    expect([code, stderr]).toEqual([0, []]);
  });

  it('a stdout that is full is exit 6', async () => {
    await using lab = new CliLab();
    const { spawnSync } = await import('node:child_process');
    const full = openSync('/dev/full', 'w');
    const program = lab.start([]).spawnargs[1]!;
    const { status, stderr } = spawnSync(process.execPath, [program, '--root', lab.store, 'images'], {
      stdio: ['ignore', full, 'pipe'],
    });
    closeSync(full);
    expect([status, stderr.toString()]).toEqual([6, expect.stringContaining('no space') as string]);
  });

  it('names from an archive cannot talk to the terminal', async () => {
    await using lab = new CliLab();
    const evil = '\u001b]0;owned\u0007.tar';
    const { code, stderr } = await lab.run('import', lab.path(evil));
    expect([code, stderr.includes('\u001b'), stderr.includes('\\u{1b}')]).toEqual([2, false, true]);
  });
});

describe('interrupted', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s while stdin is spooled: exit %i, and nothing is left', async (signal, exit) => {
    await using lab = new CliLab();
    const child = lab.start(['import', '-', '--progress', 'json']);
    child.stdin!.on('error', () => {});
    const ended = resultOf(child);
    child.stdin!.write(Buffer.alloc(64 * 1024));
    // The store is made once everything is loaded; soon after the spool exists and waits for more.
    while (lab.leftOvers().length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill(signal);
    const { code, stderr } = await ended;
    expect([code, stderr]).toEqual([exit, expect.stringContaining('cleaning up') as string]);
    expect(lab.leftOvers()).toEqual([]);
    expect(await lab.json('images')).toEqual([[]]);
  });

  it('SIGINT while threads work: exit 130, and neither the file nor anything unfinished is there', async () => {
    await using lab = new CliLab();
    mkdirSync(lab.path('big'));
    writeFileSync(lab.path('big/noise'), randomBytes(48 * 1024 * 1024));
    await lab.json('create', lab.path('big'), '--tag', 'big');
    const slow = ['--compression', 'gzip', '--level', '9', '--reproducible'];
    const child = lab.start(['layer', 'big', '-o', lab.path('out'), '--progress', 'json', ...slow]);
    const ended = resultOf(child);
    await stderrLine(child, (line) => line.includes('"started"'));
    child.kill('SIGINT');
    expect((await ended).code).toBe(130);
    expect(existsSync(lab.path('out'))).toBe(false);
    expect(lab.leftOvers()).toEqual([]);
  });
});
