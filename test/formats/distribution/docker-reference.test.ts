import { describe, expect, it } from 'vitest';
import {
  parseDockerDestination,
  parseDockerHost,
  parseDockerReference,
} from '../../../src/formats/distribution/docker-reference.ts';

const digest = `sha256:${'ab'.repeat(32)}`;

function refusal(parse: () => unknown): { code: unknown; message: string } {
  try {
    parse();
  } catch (error) {
    const { code, message } = error as { code: unknown; message: string };
    return { code, message };
  }
  return { code: 'no error', message: '' };
}

describe('a name in a registry', () => {
  it.each([
    ['//busybox', 'docker.io', 'library/busybox', null, null],
    ['//busybox:1.36', 'docker.io', 'library/busybox', '1.36', null],
    ['//docker:24-dind', 'docker.io', 'library/docker', '24-dind', null],
    ['//postgres:16', 'docker.io', 'library/postgres', '16', null],
    ['//acme/app', 'docker.io', 'acme/app', null, null],
    ['//index.docker.io/acme/app:1', 'docker.io', 'acme/app', '1', null],
    ['//docker.io/library/host:5000', 'docker.io', 'library/host', '5000', null],
    ['//registry-1.docker.io/acme/app', 'docker.io', 'acme/app', null, null],
    ['//localhost:5000/app', 'localhost:5000', 'app', null, null],
    ['//localhost/app', 'localhost', 'app', null, null],
    ['//[::1]:5000/a/b:t', '[::1]:5000', 'a/b', 't', null],
    ['//GHCR.io/acme/app', 'ghcr.io', 'acme/app', null, null],
    [`//quay.io/a/b@${digest}`, 'quay.io', 'a/b', null, digest],
    [`//quay.io/a/b:1@${digest}`, 'quay.io', 'a/b', '1', digest],
  ])('%s', (rest, host, name, tag, wanted) => {
    const reference = wanted ?? tag ?? 'latest';
    expect(parseDockerReference(rest)).toEqual({ host, name, tag, digest: wanted, reference });
    expect(parseDockerDestination(rest)).toEqual(parseDockerReference(rest));
  });

  it.each([
    ['', 'INVALID_ARGUMENT', 'docker://HOST/NAME'],
    ['//', 'INVALID_ARGUMENT', 'docker://HOST/NAME'],
    ['host/x', 'INVALID_ARGUMENT', 'docker://host/x'],
    ['/quay.io/x', 'INVALID_ARGUMENT', 'docker://quay.io/x'],
    ['///quay.io/x', 'INVALID_ARGUMENT', 'docker://quay.io/x'],
    ['//https://quay.io/x:1', 'INVALID_ARGUMENT', 'docker://quay.io/x:1'],
    ['http://localhost:5000/x', 'INVALID_ARGUMENT', 'docker://localhost:5000/x'],
    ['//host:5000', 'INVALID_ARGUMENT', 'docker://host:5000/NAME'],
    ['//host:5000', 'INVALID_ARGUMENT', 'docker://docker.io/library/host:5000'],
    ['//localhost', 'INVALID_ARGUMENT', 'docker://localhost/NAME'],
    ['//localhost:5000', 'INVALID_ARGUMENT', 'docker://localhost:5000/NAME'],
    ['//127.0.0.1:9999', 'INVALID_ARGUMENT', 'docker://127.0.0.1:9999/NAME'],
    ['//[::1]:5000', 'INVALID_ARGUMENT', 'docker://[::1]:5000/NAME'],
    ['//ghcr.io', 'INVALID_ARGUMENT', 'docker://ghcr.io/NAME'],
    ['//ghcr.io/', 'INVALID_ARGUMENT', 'docker://ghcr.io/NAME'],
    ['//ghcr.io/acme/', 'INVALID_ARGUMENT', 'docker://ghcr.io/acme'],
    ['//Busybox:1', 'INVALID_NAME', 'docker://busybox'],
    ['//Acme/app', 'INVALID_NAME', 'docker://acme/app'],
    ['//ghcr.io/Acme/App', 'INVALID_NAME', 'docker://ghcr.io/acme/app'],
    ['//ghcr.io/a_/b', 'INVALID_NAME', 'ghcr.io/a_/b'],
    ['//ghcr.io/a?b', 'INVALID_NAME', 'ghcr.io/a?b'],
    ['//ghcr.io//b', 'INVALID_NAME', 'ghcr.io//b'],
    ['//ghcr.io/a:', 'INVALID_TAG', ''],
    ['//ghcr.io/a:b c', 'INVALID_TAG', 'b c'],
    ['//ghcr.io/a@sha256:12', 'INVALID_DIGEST', 'sha256:12'],
  ])('%s is refused, and the message shows the fix', (rest, code, fix) => {
    const refused = refusal(() => parseDockerReference(rest));
    expect(refused.code).toBe(code);
    expect(refused.message).toContain(fix);
  });

  it.each(['//me:s3cret@ghcr.io/a', '//https://me:s3cret@ghcr.io/a', 'https://s3cret@ghcr.io/a/b:1'])(
    'does not repeat a password: %s',
    (rest) => {
      const refused = refusal(() => parseDockerReference(rest));
      expect(refused.code).toBe('INVALID_ARGUMENT');
      expect(refused.message).toContain('--creds');
      expect(refused.message).not.toContain('s3cret');
    },
  );
});

describe('a destination', () => {
  it.each([
    ['//ghcr.io/', 'ghcr.io', ''],
    ['//localhost:5000/', 'localhost:5000', ''],
    ['//ghcr.io/acme/', 'ghcr.io', 'acme/'],
    ['//docker.io/acme/', 'docker.io', 'acme/'],
    ['//acme/', 'docker.io', 'acme/'],
  ])('%s takes images below it', (rest, host, prefix) => {
    expect(parseDockerDestination(rest)).toEqual({ host, prefix });
  });

  it.each(['//ghcr.io/Acme/', '//ghcr.io//', '//ghcr.io/a:1/', '//Acme/'])('%s is refused', (rest) => {
    expect(refusal(() => parseDockerDestination(rest)).code).toBe('INVALID_NAME');
  });
});

describe('a registry by itself', () => {
  it.each([
    ['//quay.io', 'quay.io'],
    ['//Quay.io/', 'quay.io'],
    ['//localhost', 'localhost'],
    ['//127.0.0.1:41234', '127.0.0.1:41234'],
    ['//[::1]:5000', '[::1]:5000'],
    ['//registry:5000', 'registry:5000'],
    ['//registry:41234/', 'registry:41234'],
    ['//index.docker.io', 'docker.io'],
  ])('is %s', (rest, host) => {
    expect(parseDockerHost(rest)).toBe(host);
  });

  it.each(['//busybox', '//busybox:1.36', '//acme/', '//quay.io/app', '//quay.io:99999', '//quay.io:x', '//a@quay.io'])(
    'is not %s',
    (rest) => {
      expect(parseDockerHost(rest)).toBeNull();
    },
  );
});
