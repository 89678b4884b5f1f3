import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/batch/batch.ts';
import { parseJobFile, readJobFile } from '../../../src/batch/job-file/read-job-file.ts';
import { hasCode } from '../../../src/errors/kinds.ts';
import { codeOf } from '../../support/code-of.ts';

const batchOf = (text: string): Batch => parseJobFile(text, 'job.yml', null).batch;

/** The problems of a file, as `LINE KEY: MESSAGE`. */
function problemsOf(text: string, env: NodeJS.ProcessEnv | null = null): string[] {
  try {
    if (env === null) parseJobFile(text, 'job.yml', null);
    else parseJobFile(text, 'job.yml', env);
  } catch (error) {
    if (!hasCode(error, 'JOB_FILE_INVALID')) throw error;
    expect(error.details.file).toBe('job.yml');
    return error.details.problems!.map(({ line, key, message }) => `${line ?? '-'} ${key}: ${message}`);
  }
  return [];
}

const entry = (lines: string): string => `version: 1\nsync:\n  - ${lines.trim().replaceAll('\n', '\n    ')}\n`;
const TWO = 'source: docker://a.example/x:1\ntarget: oci:/out\n';

describe('a job file', () => {
  it('says everything that a batch can hold', () => {
    const { batch, registries, tls } = parseJobFile(
      `
version: 1
x-tags: &stable { allow: ['v.*'], deny: ['.*-rc'] }
creds:
  - registry: registry.example:5000
    user: "\${WHO}"
    pass: \${SECRET}
    tls: disabled
  - registry: quay.io/team
    authFile: \${HOME}/auth.json
    certDir: /certs
defaults:
  platforms: [linux/x86_64]
  referrers: true
  compression: { format: zstd, level: 19, reproducible: true }
  tls: enabled
  retries: 7
  limits: { jobs: 4, spoolBytes: 1.5GiB, memoryBytes: 500MB, abortOnError: true }
  format: v2s2
  allow: manifest
sync:
  - source: docker://quay.io/team/app
    target: docker://registry.example:5000/team/app
    type: repository
    tags:
      <<: *stable
      semver: '>=1'
      newest: 3
      createdSince: 90d
    rename:
      - { from: 'quay.io/(.*)', to: 'mirror/$1' }
  - source: docker://registry.example:5000
    target: docker://other.example
    type: registry
    repos: { allow: [team/.*] }
    platforms: [linux/arm64/v8, linux/arm/v7]
    referrers: false
    compression: { format: gzip }
    format: oci
    preserveDigests: true
    allow: identical
`,
      'job.yml',
      { WHO: 'me', SECRET: 's:ecret', HOME: '/home/me' },
    );
    const defaults = { referrers: true, format: 'docker', allow: 'manifest', platforms: ['linux/amd64'] };
    expect(batch).toEqual({
      limits: { jobs: 4, retries: 7, spoolBytes: 1.5 * 1024 ** 3, memoryBytes: 500_000_000, abortOnError: true },
      entries: [
        {
          ...defaults,
          source: { type: 'repository', location: 'docker://quay.io/team/app' },
          target: 'docker://registry.example:5000/team/app:{tag}',
          filter: { allow: ['v.*'], deny: ['.*-rc'], semver: ['>=1'], newest: 3, createdSince: '90d' },
          rename: [{ from: 'quay.io/(.*)', to: 'mirror/$1' }],
          packing: { compression: 'zstd', level: 19, reproducible: true },
        },
        {
          source: {
            type: 'registry',
            location: 'docker://registry.example:5000',
            repositories: { allow: ['team/.*'] },
          },
          target: 'docker://other.example/{repository}:{tag}',
          platforms: ['linux/arm64/v8', 'linux/arm/v7'],
          referrers: false,
          packing: { compression: 'gzip', reproducible: true },
          format: 'oci',
          preserveDigests: true,
          allow: 'identical',
        },
      ],
    });
    expect(tls).toBe('enabled');
    expect(registries).toEqual({
      tlsVerify: true,
      hosts: [
        {
          registry: 'registry.example:5000',
          credentials: { username: 'me', password: 's:ecret' },
          tlsVerify: false,
        },
        { registry: 'quay.io/team', authFile: '/home/me/auth.json', certDir: '/certs' },
      ],
    });
  });

  it('may be JSON, with tabs too', () => {
    const json = { version: 1, sync: [{ source: 'docker://a.example/x:1', target: 'oci:/out' }] };
    const expected = {
      entries: [{ source: { type: 'location', location: 'docker://a.example/x:1' }, target: 'oci:/out' }],
      limits: {},
    };
    expect(batchOf(JSON.stringify(json, null, '\t'))).toEqual(expected);
    expect(batchOf(JSON.stringify(json))).toEqual(expected);
  });

  it('need not say the environment what nobody asks registries for', () => {
    const text = `${entry(TWO)}creds:\n  - { registry: a.example, user: '\${NOBODY}', pass: '\${NOTHING}' }\n`;
    expect(parseJobFile(text, 'job.yml', null).creds).toEqual([
      { registry: 'a.example', user: '${NOBODY}', pass: '${NOTHING}' },
    ]);
  });

  it.each([
    ['docker://a.example/x:1', 'image', { type: 'location', location: 'docker://a.example/x:1' }],
    ['docker://a.example/x@sha256:' + 'a'.repeat(64), undefined, { type: 'location' }],
    ['docker://busybox', undefined, { type: 'location', location: 'docker://busybox' }],
    ['ocidir:///data/layout', 'image', { type: 'location', location: 'oci:/data/layout' }],
    ['oci:layout:v1', undefined, { type: 'location', location: 'oci:layout:v1' }],
    ['store:busybox', 'image', { type: 'location', location: 'store:busybox' }],
    ['/a.tar', undefined, { type: 'location', location: '/a.tar' }],
    ['./a.tar', undefined, { type: 'location', location: './a.tar' }],
    ['images/a.tar', 'archive', { type: 'location', location: 'images/a.tar' }],
    ['docker-archive:a.tar:app:1', 'archive', { type: 'location', location: 'docker-archive:a.tar:app:1' }],
    ['/archives/', 'directory', { type: 'pattern', location: '/archives/*' }],
    ['docker-archive:archives', 'directory', { type: 'pattern', location: 'docker-archive:archives/*' }],
    ['/', 'directory', { type: 'pattern', location: '/*' }],
    ['docker-archive:/a/**/*.tar', undefined, { type: 'pattern', location: 'docker-archive:/a/**/*.tar' }],
    ['/a/x.tar', 'pattern', { type: 'pattern', location: '/a/x.tar' }],
    ['/var/lib/docker', 'docker-root', { type: 'location', location: 'docker-root:/var/lib/docker' }],
    ['containers-root:/var/lib/x', 'docker-root', { type: 'location', location: 'containers-root:/var/lib/x' }],
    ['docker://a.example:5000/', 'registry', { type: 'registry', location: 'docker://a.example:5000' }],
    ['docker://a.example/x', 'repository', { type: 'repository', location: 'docker://a.example/x' }],
  ])('takes %s as %s', (source, type, expected) => {
    const text = entry(`source: '${source}'\ntarget: 'null:'\n${type === undefined ? '' : `type: ${type}`}`);
    expect(batchOf(text).entries[0]!.source).toMatchObject(expected);
  });

  it.each([
    ['docker://t.example/app', 'repository', 'docker://t.example/app:{tag}'],
    ['docker://t.example/{path}', 'repository', 'docker://t.example/{path}:{tag}'],
    ['docker://t.example/app:x-{tag}', 'repository', 'docker://t.example/app:x-{tag}'],
    ['docker://t.example/{name}', 'repository', 'docker://t.example/{name}'],
    ['docker://t.example/team/', 'repository', 'docker://t.example/team/'],
    ['docker://t.example', 'registry', 'docker://t.example/{repository}:{tag}'],
    ['docker://t.example:5000/mirror', 'registry', 'docker://t.example:5000/mirror/{repository}:{tag}'],
    ['docker://t.example/{path}', 'registry', 'docker://t.example/{path}:{tag}'],
    ['docker://t.example/', 'registry', 'docker://t.example/'],
    ['ocidir://out', 'registry', 'oci:out'],
  ])('sends to %s of a %s', (target, type, expected) => {
    const source = type === 'registry' ? 'docker://a.example' : 'docker://a.example/x';
    expect(batchOf(entry(`source: ${source}\ntarget: '${target}'\ntype: ${type}`)).entries[0]!.target).toBe(expected);
  });

  it('an entry may keep layers as they are though others are packed', () => {
    const packed = 'defaults: { compression: { format: gzip, level: 9, force: true } }\n';
    const packing = (own: string): unknown => batchOf(packed + entry(TWO + own)).entries[0]!.packing;
    expect(packing('')).toEqual({ compression: 'gzip', level: 9, repack: true });
    expect(packing('compression: { format: keep }')).toBeUndefined();
    expect(packing('compression: { format: zstd }')).toEqual({ compression: 'zstd', repack: true });
    expect(packing('compression: { level: 2 }')).toEqual({ compression: 'gzip', level: 2, repack: true });
  });
});

describe('problems', () => {
  it('are all told, each with its line and key', () => {
    const text = `version: 1
creds:
  - registry: a.example
    passs: x
defaults:
  retrys: 3
  limits: { jobs: 0 }
sync:
  - source: alpine:3.19
    target: registry.example/alpine
    tagz: { allow: [x] }
  - target: oci:/out
    tags: { alow: [x], newest: few }
  - source: docker://a.example/x
    target: docker-root:/var/lib/docker
    type: repository
    tags: { allow: ['('], semver: nonsense, createdSince: soon }
    platforms: [linux]
    rename: [{ from: 'a(b)', to: $2 }]
    compression: { level: 3 }
`;
    expect(problemsOf(text)).toMatchInlineSnapshot(`
      [
        "4 creds[0].passs: creds[0].passs is not known; did you mean pass?",
        "6 defaults.retrys: defaults.retrys is not known; did you mean retries?",
        "7 defaults.limits.jobs: defaults.limits.jobs must be a whole number from 1 to 1024, not 0",
        "9 sync[0].source: "alpine:3.19" does not say what it is; write docker://alpine:3.19 for a registry, or ./alpine:3.19 for a file",
        "10 sync[0].target: "registry.example/alpine" does not say what it is; write docker://registry.example/alpine",
        "11 sync[0].tagz: sync[0].tagz is not known; did you mean tags?",
        "12 sync[1].source: sync[1].source is missing",
        "13 sync[1].tags.newest: sync[1].tags.newest must be a whole number from 1 to 1000000, not "few"",
        "13 sync[1].tags.alow: sync[1].tags.alow is not known; did you mean allow?",
        "15 sync[2].target: "docker-root:/var/lib/docker" can only be read; write to oci:, docker-archive: or docker://",
        "17 sync[2].tags.semver: "nonsense" is no range of versions; write it like ">=1.2 <2" or "^3.1 || 4.x"",
        "17 sync[2].tags.createdSince: "soon" is no time; write 2026-01-31, 2026-01-31T12:00:00Z, or an age: 12h, 90d, 8w",
        "17 sync[2].tags.allow[0]: "(" is no regular expression; check its brackets and backslashes",
        "18 sync[2].platforms[0]: not a platform: "linux"; write it as os/architecture or os/architecture/variant, like linux/arm64",
        "19 sync[2].rename[0]: "$2" speaks of $2, but "a(b)" has 1 group",
        "20 sync[2].compression: compression.level needs a compression.format that has levels",
      ]
    `);
  });

  it.each<[string, string, string]>([
    ['an empty file', '', '- : the file is empty'],
    ['a comment alone', '# nothing\n', 'the file is empty'],
    ['a list', '- a\n', 'a job file is a mapping with version and sync, not a list'],
    ['a text', 'nginx\n', 'not "nginx"'],
    ['a newer version', 'version: 2\nsync: 5\n', '1 version: version 2 of job files is newer'],
    ['a version in quotes', 'version: "1"\nsync: []\n', '1 version: version must be 1, not "1"'],
    ['no version', entry(TWO).replace('version: 1\n', ''), 'version is missing'],
    ['no entries', 'version: 1\nsync: []\n', 'sync must be a list of entries with source and target, and not empty'],
    ['nothing behind a key', 'version: 1\nsync:\n', 'not nothing'],
    ['the same key twice', `${entry(TWO)}version: 1\n`, '5 : this key is there twice'],
    ['two documents', `${entry(TWO)}---\na: 1\n`, '5 : a second document begins here'],
    ['a tag', 'version: !!js/function 1\n', '1 : tags (!…) mean nothing here'],
    ['a tab', 'version: 1\nsync:\n\t- a\n', '3 : it is indented with a tab'],
    ['an unknown alias', 'version: 1\nsync: *none\n', 'unresolved alias'],
    ['depth', '['.repeat(5000), 'nested too deep'],
    ['broken JSON', '{"version": 1,,}', '1 : '],
    [
      'a number where text is wanted',
      entry(`${TWO}tags: { allow: [3.10] }`),
      '5 sync[0].tags.allow[0]: sync[0].tags.allow[0] must be text; put quotes around it, not 3.1',
    ],
  ])('%s', (_name, text, expected) => {
    const problems = problemsOf(text);
    expect(problems.some((problem) => problem.includes(expected)) || problems).toBe(true);
  });

  it('aliases that unfold to more than there is memory, or to themselves', () => {
    const levels = Array.from({ length: 12 }, (_, level) => {
      const inner = level === 0 ? 'x' : `*a${level - 1}`;
      return `x-${level}: &a${level} [${Array.from({ length: 9 }, () => inner).join(', ')}]`;
    });
    expect(problemsOf(`${levels.join('\n')}\n${entry(TWO)}`)).toEqual([
      expect.stringContaining('more than 2000000 values'),
    ]);
    expect(problemsOf(`x-a: &a [*a]\n${entry(TWO)}`)).toEqual([expect.stringContaining('one that holds itself')]);
  });

  it('many aliases of one thing are none', () => {
    const entries = Array.from(
      { length: 2000 },
      () => `  - { source: 'docker://a.example/x', target: 'null:', tags: *t }\n`,
    );
    expect(batchOf(`x-t: &t { allow: [a] }\nversion: 1\nsync:\n${entries.join('')}`).entries).toHaveLength(2000);
  });

  it('more than twenty are counted', () => {
    const text = `version: 1\nsync:\n${'  - { source: a, target: b }\n'.repeat(30)}`;
    expect(problemsOf(text)).toHaveLength(20);
    expect(() => batchOf(text)).toThrow(/and 40 more/);
  });
});

describe('endpoints', () => {
  it.each<[string, string, string]>([
    ['alpine:3.19', '', 'write docker://alpine:3.19 for a registry'],
    ['registry.example/app', '', 'write docker://registry.example/app'],
    ['localhost:5000/app', '', 'write docker://localhost:5000/app'],
    ['docker-daemon:app', '', 'docker-root:PATH reads the data directory'],
    ['containers-storage:app', '', 'containers-root:PATH'],
    ['containers-storage:app', 'archive', 'containers-root:PATH'],
    ['docker://localhost:5000', '', 'docker://localhost:5000/NAME'],
    ['docker://me:pw@a.example/x', '', 'holds no user and no password'],
    ['docker:a.example/x', '', 'docker://a.example/x'],
    ['null:', '', 'it is a destination'],
    ['docker://a.example/x:1', 'repository', 'write docker://a.example/x for its repository'],
    ['docker://a.example/x@sha256:' + 'a'.repeat(64), 'repository', 'write docker://a.example/x for its'],
    ['oci:/x', 'repository', 'is no repository; write it as docker://HOST/NAME'],
    ['docker://a.example/x', 'registry', 'write docker://a.example, or type: repository'],
    ['docker://a.example/x', 'archive', 'is not an archive; write a path, docker-archive:PATH'],
    ['docker://a.example/*', 'pattern', 'is not a pattern'],
    ['/a/*.tar', 'directory', 'write type: pattern'],
    ['oci:/x', 'docker-root', 'is not a data directory'],
  ])('%s (%s)', (source, type, expected) => {
    const text = entry(`source: '${source}'\ntarget: oci:/out\n${type === '' ? '' : `type: ${type}`}`);
    expect(problemsOf(text)).toEqual([expect.stringMatching(/^3 sync\[0\]\.source: /)]);
    expect(problemsOf(text)[0]).toContain(expected);
  });

  it.each<[string, string]>([
    ['registry.example/app', 'write docker://registry.example/app'],
    ['localhost:5000/app', 'write docker://localhost:5000/app'],
    ['/out', 'write oci:/out for an OCI layout'],
    ['containers-storage:x', 'is not supported'],
    ['docker-root:/x', 'can only be read'],
    ['oci:/out/{nmae}', 'did you mean {name}?'],
    ['oci:/out/{', 'a brace without its other half'],
    ['oci:', 'is not complete'],
    ['docker://t.example/App', 'lower case'],
  ])('target %s', (target, expected) => {
    const problems = problemsOf(entry(`source: docker://a.example/x\ntarget: '${target}'\n`));
    expect(problems).toEqual([expect.stringMatching(/^4 sync\[0\]\.target: /)]);
    expect(problems[0]).toContain(expected);
  });

  it('repos are of registries only', () => {
    expect(problemsOf(entry(`${TWO}repos: { allow: [x] }`))).toEqual([expect.stringContaining('5 sync[0].repos: ')]);
  });
});

describe('creds', () => {
  const creds = (text: string): string =>
    `version: 1\ncreds:\n  - ${text}\nsync:\n  - { source: /a.tar, target: 'null:' }\n`;
  const SECRET = 'hunter2-in-plain-text';

  it.each([
    `{ registry: a.example, user: me, pass: ${SECRET} }`,
    `{ registry: a.example, user: me, pass: 'x\${A}${SECRET}' }`,
    `{ registry: a.example, user: me, password: ${SECRET} }`,
    `{ registry: a.example, user: me, pass: [${SECRET}] }`,
    `{ registry: a.example, user: me, pass: \${A}, tls: ${SECRET} }`,
    SECRET,
  ])('a secret in plain text is refused, and not repeated: %s', (text) => {
    const problems = problemsOf(creds(text), { A: 'x' });
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.join()).not.toContain(SECRET);
  });

  it.each([
    ['{ registry: a.example, user: me, pass: secret }', 'pass must be ${NAME} of an environment variable'],
    ['{ registry: a.example, user: me, password: "${A}" }', 'did you mean pass?'],
    ['{ registry: a.example, user: me, pass: "${MISSING}" }', 'the variable "MISSING" is not set'],
    ['{ registry: a.example, user: me, pass: "${EMPTY}" }', 'the variable "EMPTY" is not set'],
    ['{ registry: "${9}", user: me, pass: "${A}" }', 'the variable "9" is not set'],
    ['{ registry: a.example, user: me }', 'user and pass go together'],
    ['{ registry: a.example, pass: "${A}" }', 'user and pass go together'],
    ['{ registry: a.example, user: me, pass: "${A}", authFile: x }', 'say either user and pass, or authFile'],
    ['{ registry: "https://a.example", tls: enabled }', 'is no registry; write it as HOST'],
    ['{ registry: a.example, tls: "off" }', 'one of enabled, insecure, disabled'],
  ])('%s', (text, expected) => {
    const problems = problemsOf(creds(text), { A: 'x', EMPTY: '' });
    expect(problems).toEqual([expect.stringMatching(/^3 creds\[0\]/)]);
    expect(problems[0]).toContain(expected);
  });

  it('each registry once', () => {
    expect(problemsOf(creds('{ registry: a.example }\n  - { registry: a.example }'))).toEqual([
      '4 creds[1].registry: this registry is there twice; keep one of them',
    ]);
  });
});

describe('files', () => {
  let scratch: string;
  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'layermill-job-'));
  });
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  it('are read as they are', async () => {
    const file = join(scratch, 'job.yml');
    writeFileSync(file, `\ufeff${entry(TWO)}`);
    expect((await readJobFile(file, {})).batch.entries).toHaveLength(1);
  });

  it('that are none say why', async () => {
    const file = join(scratch, 'odd');
    expect(await codeOf(readJobFile(join(scratch, 'missing.yml'), {}))).toBe('FILE_NOT_FOUND');
    await expect(readJobFile(scratch, {})).rejects.toThrow(/no regular file/);
    writeFileSync(file, Buffer.from([0xff, 0xfe, 0x61]));
    await expect(readJobFile(file, {})).rejects.toThrow(/not UTF-8/);
    truncateSync(file, 17 * 1024 ** 2);
    await expect(readJobFile(file, {})).rejects.toThrow(/larger than 16 MiB/);
  });
});
