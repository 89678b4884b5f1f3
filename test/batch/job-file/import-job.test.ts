import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BatchEntry } from '../../../src/batch/batch.ts';
import { importJob, importText } from '../../../src/batch/job-file/import-job.ts';
import { anywhere } from '../../../src/batch/job-file/import-words.ts';
import { type Job, parseJobFile } from '../../../src/batch/job-file/read-job-file.ts';
import { printJobFile } from '../../../src/batch/job-file/write-job-file.ts';
import { wholeName } from '../../../src/batch/image-filter.ts';

type Read = Job & { kind: string; warnings: string[] };

function read(text: string, more: Partial<Parameters<typeof importText>[1]> = {}): Read {
  const { kind, job, warnings } = importText(text, { file: 'other.yml', ...more });
  return { kind, ...job, warnings };
}

/** `SOURCE -> TARGET`, with the type where it is not one location. */
function flows({ batch }: Read): string[] {
  return batch.entries.map(({ source, target }) => {
    const type = source.type === 'location' ? '' : `${source.type} `;
    return `${type}${source.location} -> ${target}`;
  });
}

/** What else an entry says. */
function rest(job: Read): object[] {
  return job.batch.entries.map(({ source: _source, target: _target, ...more }: BatchEntry) => more);
}

const REGSYNC = `
x-sched-a: &sched-a "15 01 * * *"
version: 1
creds:
  - registry: registry.example.org:5000
    tls: disabled
  - registry: docker.io
    user: "{{env \\"HUB_USER\\"}}"
    pass: "{{file \\"/var/run/secrets/hub_token\\"}}"
    reqPerSec: 100
  - registry: quay.io
    user: robot
    pass: "{{env \\"QUAY\\"}}"
    mirrors: [cache.example.org]
defaults:
  interval: 60m
  parallel: 4
  digestTags: true
  ratelimit: { min: 100, retry: 15m }
sync:
  - source: busybox:latest
    target: registry.example.org:5000/library/busybox:latest
    type: image
    schedule: *sched-a
    backup: "backup-{{.Ref.Tag}}"
  - source: alpine
    target: registry.example.org:5000/library/alpine
    type: repository
    tags:
      allow: [latest, "3", '3\\.\\d+', 3.10]
      deny: ['3\\.0']
    platform: linux/amd64
    referrers: false
    digestTags: false
  - source: ghcr.io/team/app
    target: ocidir:///data/app
    type: repository
    tagSets:
      - allow: [edge]
      - semverRange: [">=1.2, <2"]
        allow: ['v\\d+\\.\\d+\\.\\d+']
    platforms: [linux/amd64, linux/arm64]
    fastCopy: true
  - source: ocidir:///data/app
    target: registry.example.org:5000/app
    type: repository
  - source: old.example.org
    target: registry.example.org:5000/old
    type: registry
    repos: { deny: ['tmp/.*'] }
  - source: "{{env \\"SRC\\"}}/x"
    target: registry.example.org:5000/x
    type: image
  - source: ghcr.io/team/bad
    target: registry.example.org:5000/bad
    type: repository
    tags: { allow: ['('] }
    hooks: { pre: { type: script } }
`;

describe('regsync.yml', () => {
  const job = read(REGSYNC);

  it('keeps what goes where', () => {
    expect(job.kind).toBe('regsync');
    expect(flows(job)).toEqual([
      'docker://busybox:latest -> docker://registry.example.org:5000/library/busybox:latest',
      'repository docker://alpine -> docker://registry.example.org:5000/library/alpine:{tag}',
      'repository docker://ghcr.io/team/app -> oci:/data/app',
      'repository docker://ghcr.io/team/app -> oci:/data/app',
      'oci:/data/app -> docker://registry.example.org:5000/app:{tag}',
      'registry docker://old.example.org -> docker://registry.example.org:5000/old/{repository}:{tag}',
    ]);
    expect(job.batch.limits).toEqual({ jobs: 4 });
  });

  it('and which of them', () => {
    const both = { platforms: ['linux/amd64', 'linux/arm64'], referrers: true };
    expect(rest(job)).toEqual([
      { referrers: true },
      {
        platforms: ['linux/amd64'],
        referrers: false,
        filter: { allow: ['latest', '3', '3\\.\\d+', '3.10'], deny: ['3\\.0'] },
      },
      { ...both, filter: { allow: ['edge'] } },
      { ...both, filter: { allow: ['v\\d+\\.\\d+\\.\\d+'], semver: ['>=1.2 <2'] } },
      { referrers: true },
      { referrers: true },
    ]);
    expect(job.batch.entries[5]!.source).toMatchObject({ repositories: { deny: ['tmp/.*'] } });
  });

  it('secrets stay where they are', () => {
    expect(job.creds).toEqual([
      { registry: 'registry.example.org:5000', tls: 'disabled' },
      { registry: 'docker.io', user: '${HUB_USER}', pass: '${DOCKER_IO_PASSWORD}' },
      { registry: 'quay.io', user: 'robot', pass: '${QUAY}' },
    ]);
  });

  it('what cannot be said is told, each thing once', () => {
    expect(job.warnings).toMatchInlineSnapshot(`
      [
        "line 9: creds[1].pass: the password for "docker.io" is not taken over; set DOCKER_IO_PASSWORD in the environment, or use an authFile",
        "line 10: creds[1].reqPerSec: registries are asked as fast as they answer, and waited for when they say so",
        "line 14: creds[2].mirrors: say them in registries.conf",
        "line 24: sync[0].schedule: nothing here runs by itself; start \`layermill run\` from cron or a timer",
        "line 25: sync[0].backup: tags at the target are not kept under another name before they change",
        "line 43: sync[2].fastCopy: not needed here: images are always looked at and copied as a whole",
        "line 51: sync[5]: left out: source or target is a template; write what it stands for",
        "line 58: sync[6].hooks: there are no hooks",
        "line 54: sync[6]: left out: "(" is no regular expression; check its brackets and backslashes",
        "line 16: defaults.interval: nothing here runs by itself; start \`layermill run\` from cron or a timer",
        "line 19: defaults.ratelimit: registries are asked as fast as they answer, and waited for when they say so",
      ]
    `);
  });

  it('that makes no sense is refused with its lines', () => {
    expect(() => read('version: 1\nsync:\n  - source: a\n    target: b\n')).toThrow(
      /line 3: .*source, target and type/,
    );
    expect(() => read('version: 3\nsync:\n  - { source: a, target: b, type: image }\n')).toThrow(/only version 1/);
    expect(() => read('version: 1\nsync:\n  - a\n')).toThrow(/sync\[0\] must be a mapping/);
    expect(() => read('sync:\n  - { source: a, target: [b], type: image }\n')).toThrow(
      /sync\[0\].target must be a text/,
    );
    expect(() => read('sync:\n  - { source: "{{x}}", target: b, type: image }\n')).toThrow(/nothing of it could be/);
  });

  it('the same of many entries is told once', () => {
    const entry = '  - { source: a, target: b.example/a, type: image, interval: 1m }\n';
    expect(read(`sync:\n${entry.repeat(3)}`).warnings).toEqual([
      expect.stringMatching(/^line 2: sync\[0\]\.interval: .* \(3 times\)$/),
    ]);
  });

  it.each(['\\\\Av1', 'v1\\\\z', '[[:digit:]]+', '(?i)v1', '(?P<x>1)'])(
    'patterns that are others here: %s',
    (pattern) => {
      const good = '  - { source: a, target: b.example/a, type: image }\n';
      const entry = `  - { source: a, target: b.example/a, type: repository, tags: { deny: ["${pattern}"] } }\n`;
      const { batch, warnings } = read(`sync:\n${good}${entry}`);
      expect(batch.entries).toHaveLength(1);
      expect(warnings).toEqual([expect.stringMatching(/^line 3: sync\[1\]: left out: .* means something else here/)]);
    },
  );

  it('may merge what it has said before', () => {
    const merged = read(
      'x-a: &a { platform: linux/arm64 }\nsync:\n  - { <<: *a, source: a, target: b.example/a, type: image }\n',
    );
    expect(rest(merged)).toEqual([{ platforms: ['linux/arm64'] }]);
  });
});

const SKOPEO = `
registry.example.com:
    images:
        busybox: []
        redis:
            - "1.0"
            - 2.0
            - "sha256:0000000000000000000000000000000011111111111111111111111111111111"
        empty:
    images-by-tag-regex:
        nginx: ^1\\.13\\.[12]-alpine-perl$
        httpd: alpine|slim
    images-by-semver:
        alpine: ">= 3.12.0, < 4"
        many: ["^1", "~2.3"]
        odd: "!= 1.0.0"
    credentials:
        username: john
        password: this is a secret
    tls-verify: true
    cert-dir: /home/john/certs
quay.io:
    tls-verify: false
    images:
        coreos/etcd:
            - latest
    lookaside: x
`;

describe('a file of skopeo sync', () => {
  const job = read(SKOPEO, { target: 'docker://mirror.example/repo' });

  it('goes below the target that is given', () => {
    expect(job.kind).toBe('skopeo');
    const to = '-> docker://mirror.example/repo/';
    expect(flows(job)).toEqual([
      `repository docker://registry.example.com/busybox ${to}`,
      `docker://registry.example.com/redis:1.0 ${to}`,
      `docker://registry.example.com/redis:2.0 ${to}`,
      `docker://registry.example.com/redis@sha256:0000000000000000000000000000000011111111111111111111111111111111 ${to}`,
      `repository docker://registry.example.com/empty ${to}`,
      `repository docker://registry.example.com/nginx ${to}`,
      `repository docker://registry.example.com/httpd ${to}`,
      `repository docker://registry.example.com/alpine ${to}`,
      `repository docker://registry.example.com/many ${to}`,
      `docker://quay.io/coreos/etcd:latest ${to}`,
    ]);
  });

  it('keeps filters, made for whole tags', () => {
    expect(rest(job).filter((more) => Object.keys(more).length > 0)).toEqual([
      { filter: { allow: ['1\\.13\\.[12]-alpine-perl'] } },
      { filter: { allow: ['.*(?:alpine|slim).*'] } },
      { filter: { semver: ['>= 3.12.0 < 4'] } },
      { filter: { semver: ['^1', '~2.3'] } },
    ]);
  });

  it('keeps how registries are spoken to, but for secrets', () => {
    expect(job.creds).toEqual([
      {
        registry: 'registry.example.com',
        user: 'john',
        pass: '${REGISTRY_EXAMPLE_COM_PASSWORD}',
        certDir: '/home/john/certs',
      },
      { registry: 'quay.io', tls: 'insecure' },
    ]);
    expect(JSON.stringify(job)).not.toContain('this is a secret');
  });

  it('what cannot be said is told', () => {
    expect(job.warnings).toMatchInlineSnapshot(`
      [
        "line 5: registry.example.com.images.redis: an image that is named by a digest has no tag, so the target must say one",
        "line 16: registry.example.com.images-by-semver.odd: left out: "!= 1.0.0" is no range of versions; write it like ">=1.2 <2" or "^3.1 || 4.x"",
        "line 19: registry.example.com.credentials.password: the password for "registry.example.com" is not taken over; set REGISTRY_EXAMPLE_COM_PASSWORD in the environment, or use an authFile",
        "line 27: quay.io.lookaside: not known here, and not taken over",
      ]
    `);
  });

  it('does not say where images go, so somebody has to', () => {
    expect(() => read(SKOPEO)).toThrow(/give a target such as docker:\/\/HOST\/PATH\//);
    expect(() => read(SKOPEO, { target: 'mirror.example/repo' })).toThrow(/write docker:\/\/mirror\.example\/repo/);
    expect(flows(read(SKOPEO, { target: 'oci:/out/{path}' }))[0]).toContain('-> oci:/out/{path}');
  });
});

describe('patterns that look anywhere', () => {
  const TAGS = ['1.0', '1.0-alpine', 'v1.0', 'alpine', 'a$', '^a', ''];

  it.each(['^1\\.0$', '1\\.0', '^1', 'alpine$', 'a|^v', 'a\\$', '\\^a', '^$', '', '^(1|v)'])('%s', (pattern) => {
    const whole = wholeName(anywhere(pattern));
    expect(TAGS.filter((tag) => whole.test(tag))).toEqual(TAGS.filter((tag) => new RegExp(pattern).test(tag)));
  });
});

describe('images.yaml of image-syncer', () => {
  const RULES = `
quay.io/coreos/kube-rbac-proxy: quay.io/ruohe/kube-rbac-proxy
quay.io/coreos/kube-rbac-proxy:v1.0: quay.io/ruohe/kube-rbac-proxy
quay.io/coreos/kube-rbac-proxy:v1.0,v2.0: quay.io/ruohe/kube-rbac-proxy
docker.io/library/nginx:1.25: r.example:5000/nginx:stable
docker.io/library/redis: [r.example:5000/redis, s.example/redis]
docker.io/library/alpine:/3\\.\\d+$/: r.example:5000/alpine
docker.io/library/busybox@sha256:${'a'.repeat(64)}: r.example:5000/busybox
docker.io/library/mysql:5,8: r.example:5000/mysql:five,eight
docker.io/library/odd:5,8: r.example:5000/odd:five
docker.io/library/httpd:2: ""
`;
  const AUTH = `
quay.io: { username: xxx, password: 'in plain text' }
quay.io/coreos: { username: $WHO, password: "\${SECRET}", insecure: true }
r.example:5000: { insecure: false }
`;
  const job = read(RULES, { auth: { text: AUTH, file: 'auth.yaml' } });

  it('keeps what goes where', () => {
    expect(job.kind).toBe('image-syncer');
    const proxy = 'docker://quay.io/coreos/kube-rbac-proxy';
    const to = 'docker://quay.io/ruohe/kube-rbac-proxy';
    const hub = 'docker://docker.io/library';
    const digest = `sha256:${'a'.repeat(64)}`;
    expect(flows(job)).toEqual([
      `repository ${proxy} -> ${to}:{tag}`,
      `${proxy}:v1.0 -> ${to}:v1.0`,
      `${proxy}:v1.0 -> ${to}:v1.0`,
      `${proxy}:v2.0 -> ${to}:v2.0`,
      `${hub}/nginx:1.25 -> docker://r.example:5000/nginx:stable`,
      `repository ${hub}/redis -> docker://r.example:5000/redis:{tag}`,
      `repository ${hub}/redis -> docker://s.example/redis:{tag}`,
      `repository ${hub}/alpine -> docker://r.example:5000/alpine:{tag}`,
      `${hub}/busybox@${digest} -> docker://r.example:5000/busybox@${digest}`,
      `${hub}/mysql:5 -> docker://r.example:5000/mysql:five`,
      `${hub}/mysql:8 -> docker://r.example:5000/mysql:eight`,
    ]);
    expect(rest(job)[7]).toEqual({ filter: { allow: ['.*3\\.\\d+'] } });
  });

  it('and its registries', () => {
    expect(job.creds).toEqual([
      { registry: 'quay.io', user: 'xxx', pass: '${QUAY_IO_PASSWORD}' },
      { registry: 'quay.io/coreos', user: '${WHO}', pass: '${SECRET}', tls: 'insecure' },
    ]);
    expect(JSON.stringify(job)).not.toContain('in plain text');
  });

  it('what cannot be said is told', () => {
    expect(job.warnings).toMatchInlineSnapshot(`
      [
        "line 10: docker.io/library/odd:5,8: left out: the tags of "docker.io/library/odd:5,8" and "r.example:5000/odd:five" do not belong together",
        "line 11: docker.io/library/httpd:2: left out: "docker.io/library/httpd:2" goes to a registry that is not in the file; give a target such as docker://HOST/PATH/",
        ""auth.yaml": line 2: quay.io.password: the password for "quay.io" is not taken over; set QUAY_IO_PASSWORD in the environment, or use an authFile",
      ]
    `);
  });

  it('an empty target is below the one that is given', () => {
    const [flow] = flows(read('{"docker.io/library/httpd:2": ""}', { target: 'docker://m.example/x/' }));
    expect(flow).toBe('docker://docker.io/library/httpd:2 -> docker://m.example/x/httpd:2');
  });

  it('its older form has both in one', () => {
    const old = { auth: { 'quay.io': { username: 'a', password: '$B' } }, images: { 'quay.io/a/b:1': 'r.example/b' } };
    const read1 = read(JSON.stringify(old, null, 4));
    expect([read1.kind, flows(read1), read1.creds]).toEqual([
      'image-syncer',
      ['docker://quay.io/a/b:1 -> docker://r.example/b:1'],
      [{ registry: 'quay.io', user: 'a', pass: '${B}' }],
    ]);
  });
});

describe('lists', () => {
  it('of names that tools know which know registries only', () => {
    const job = read(
      '# mine\nnginx:1.25\nquay.io/coreos/etcd  # the newest\nlocalhost:5000/app:1 r.example/app:1\ndocker:24-dind\n',
      {
        target: 'oci:/out',
      },
    );
    expect(job.kind).toBe('list');
    expect(flows(job)).toEqual([
      'docker://nginx:1.25 -> oci:/out',
      'docker://quay.io/coreos/etcd -> oci:/out',
      'docker://localhost:5000/app:1 -> docker://r.example/app:1',
      'docker://docker:24-dind -> oci:/out',
    ]);
    expect(job.warnings).toEqual(['1 name has no tag; latest is meant']);
  });

  it('of what run could not copy', () => {
    const text =
      'docker-archive:/a.tar:app:1 docker://r.example/app:1\n"/a b.tar" oci:/out\n./x.tar oci:/out\n/a/*.tar oci:/out\n';
    expect(flows(read(text))).toEqual([
      'docker-archive:/a.tar:app:1 -> docker://r.example/app:1',
      '/a b.tar -> oci:/out',
      './x.tar -> oci:/out',
      'pattern /a/*.tar -> oci:/out',
    ]);
  });

  it('all that is wrong is told with its line', () => {
    const text = 'nginx:1\nNginx:1 oci:/out\nnginx:1 docker-root:/x\n';
    expect(() => read(text)).toThrow(/line 1: .*where it goes.*line 2: .*lower case.*line 3: .*only be read/);
    expect(() => read('# nothing\n', { target: 'oci:/out' })).toThrow(/empty/);
  });
});

describe('what a file is', () => {
  it.each<[string, string]>([
    ['version: 1\nsync:\n  - { source: docker://a.example/x, target: oci:/out }\n', 'job'],
    ['{"version": 1, "sync": [{"source": "docker://a.example/x", "target": "ocidir:/out"}]}', 'job'],
    ['version: 1\nsync:\n  - { source: a, target: ocidir:///out, type: image }\n', 'regsync'],
    ['sync: [{ source: "docker:24-dind", target: r.example/docker, type: image }]\n', 'regsync'],
    ['r.example: { images: { a: [] } }\n', 'skopeo'],
    ['r.example/a: s.example/a\n', 'image-syncer'],
    ['r.example/a\n', 'list'],
    ['- \n', 'list'],
  ])('%s', (text, kind) => {
    if (text === '- \n') expect(() => read(text)).toThrow(/a mapping with version and sync/);
    else expect(read(text, { target: 'docker://m.example/' }).kind).toBe(kind);
  });

  it('is said where nobody can tell', () => {
    expect(() => read('a: { b: 1 }\n')).toThrow(/not what regsync, skopeo sync or image-syncer read/);
    expect(() => read('')).toThrow(/the file is empty/);
    expect(() => read('version: 1\n')).toThrow(/sync is missing/);
    expect(() => read('version: 2\n')).toThrow(/newer/);
    expect(() => read('{"a": ')).toThrow(/line 1/);
  });

  it('is the same again when it is printed', () => {
    for (const [text, target] of [
      [REGSYNC, undefined],
      [SKOPEO, 'docker://m.example/'],
    ] as const) {
      const job = read(text, { target });
      const again = parseJobFile(printJobFile(job, job.warnings), 'job.yml', null);
      expect([again.batch, again.creds]).toEqual([job.batch, job.creds]);
    }
  });
});

describe('a file', () => {
  let scratch: string;
  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'layermill-import-'));
  });
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  const written = (name: string, text: string): string => {
    writeFileSync(join(scratch, name), text);
    return join(scratch, name);
  };

  it('of another tool gets its secrets from the environment, else from auth files', async () => {
    const file = written('images.yaml', 'quay.io/a: r.example/a\n');
    const authFile = written(
      'auth.yaml',
      'quay.io: { username: me, password: $A }\nr.example: { username: $U, password: $B, insecure: true }\n',
    );
    const { kind, job, warnings } = await importJob(file, { env: { A: 'x' }, authFile });
    expect(kind).toBe('image-syncer');
    expect(job.registries).toEqual({
      tlsVerify: undefined,
      hosts: [
        { registry: 'quay.io', credentials: { username: 'me', password: 'x' } },
        { registry: 'r.example', tlsVerify: false },
      ],
    });
    expect(warnings).toEqual([
      'creds of r.example: the variable "U" is not set in the environment; auth files are asked instead',
      'creds of r.example: the variable "B" is not set in the environment; auth files are asked instead',
    ]);
  });

  it('of ours has to have them', async () => {
    const text =
      'version: 1\ncreds: [{ registry: a, user: b, pass: "${C}" }]\nsync: [{ source: /a.tar, target: "null:" }]\n';
    const file = written('job.yml', text);
    await expect(importJob(file, { env: {} })).rejects.toThrow(/line 2: the variable "C" is not set/);
    const { kind, job, warnings } = await importJob(file, { env: { C: 'd' } });
    expect([kind, job.registries.hosts, warnings]).toEqual([
      'job',
      [{ registry: 'a', credentials: { username: 'b', password: 'd' } }],
      [],
    ]);
  });

  it('that is a list may name one target for all', async () => {
    const file = written('failed.txt', '/a.tar\ndocker://a.example/x:1 oci:/own\n');
    const { job } = await importJob(file, { env: {}, target: 'oci:/out' });
    expect(job.batch.entries.map(({ target }) => target)).toEqual(['oci:/out', 'oci:/own']);
    await expect(importJob(join(scratch, 'none'), { env: {} })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(importJob(file, { env: {}, target: '/out' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
