import { describe, expect, test } from 'vitest';
import * as reference from '../../src/identity/reference.ts';

const coded = (code: string): unknown => expect.objectContaining({ code });
const digest = `sha256:${'ab'.repeat(32)}`;

test('TestParseRepositoryTag', () => {
  const cases: [string, string, string][] = [
    ['root', 'root', ''],
    ['root:tag', 'root', 'tag'],
    ['user/repo', 'user/repo', ''],
    ['user/repo:tag', 'user/repo', 'tag'],
    ['url:5000/repo', 'url:5000/repo', ''],
    ['url:5000/repo:tag', 'url:5000/repo', 'tag'],
    ['[::1]:5000/a', '[::1]:5000/a', ''],
    ['[::1]:5000/a:t', '[::1]:5000/a', 't'],
    ['foo:', 'foo', ''],
    [`root@${digest}`, 'root', digest],
    [`user/repo@${digest}`, 'user/repo', digest],
    [`url:5000/repo@${digest}`, 'url:5000/repo', digest],
    [`url:5000/repo:tag@${digest}`, 'url:5000/repo', digest],
  ];
  for (const [name, repository, tag] of cases) {
    expect(reference.parseRepositoryTag(name)).toEqual({ repository, reference: tag });
  }
});

test('TestImageReference', () => {
  expect(reference.imageReference('repo', 'tag')).toBe('repo:tag');
  expect(reference.imageReference('repo', digest)).toBe(`repo@${digest}`);
});
test('TestDigestReference', () => {
  expect(reference.isDigestReference(digest)).toBe(true);
  expect(reference.isDigestReference('latest')).toBe(false);
});
test('TestValidateDigest', () => {
  for (const bad of ['', 'latest', '#$%#$^:$%^#$%']) expect(reference.isDigestReference(bad)).toBe(false);
  for (const good of ['sha256:b', 'tarsum+v1+sha256:bY852-_.+=']) expect(reference.isDigestReference(good)).toBe(true);
});

describe('familiar form', () => {
  test.each([
    ['docker.io/library/busybox', 'busybox'],
    ['index.docker.io/library/busybox', 'busybox'],
    ['docker.io/acme/app', 'acme/app'],
    ['library/ubuntu', 'ubuntu'],
    ['nonlibrary/ubuntu', 'nonlibrary/ubuntu'],
    ['other/library', 'other/library'],
    ['library/a/b', 'library/a/b'],
    ['localhost:5000/library/a', 'localhost:5000/library/a'],
    ['docker.io/foo.bar/baz', 'docker.io/foo.bar/baz'],
  ])('%s → %s', (name, familiar) => {
    expect(reference.familiarName(name)).toBe(familiar);
    expect(reference.familiarName(familiar)).toBe(familiar);
  });
  test('with a tag', () => {
    expect(reference.familiarReference('docker.io/library/a')).toBe('a:latest');
    expect(reference.familiarReference('index.docker.io/b/a:1')).toBe('b/a:1');
    expect(reference.familiarReference(`library/a@${digest}`)).toBe(`a@${digest}`);
  });
});

describe('repository names', () => {
  const id = 'ab'.repeat(32);
  test.each([
    id,
    `docker.io/library/${id}`,
    'scratch',
    '',
    'a//b',
    '/a',
    'a/',
    '-a',
    'a-',
    'a..b',
    'a___b',
    'A',
    'a/B',
    'a:b/c',
    'a'.repeat(256),
    'h..x:1/a',
    'a\n',
    'é',
    'a b',
    '../a',
    'a/../b',
  ])('%j is refused', (name) => expect(() => reference.validateRepository(name)).toThrow(coded('INVALID_NAME')));
  test.each([
    'a--b',
    'a__b',
    'a.b',
    'localhost/a',
    'h:5000/a',
    '[::1]:5000/a',
    'acme/app',
    'a/b/c',
    'ghcr.io/x/y',
    'a'.repeat(255),
  ])('%j is a name', (name) => expect(reference.validateRepository(name)).toBe(name));
  test('spellings of one repository agree', () => {
    expect(reference.validateRepository('docker.io/library/busybox')).toBe('busybox');
  });
});

describe('tags', () => {
  test.each(['9', 'foo', 'foo-test', 'bar.baz.boo', '_x', 'x'.repeat(128)])('TestValidTagName: %s', (tag) => {
    expect(reference.validateTag(tag)).toBe(tag);
  });
  test.each(['-9', '.foo', '-test', '.', '-', '', 'a/b', 'a:b', 'x'.repeat(129), 'ok\n', 'a b', digest])(
    'TestInvalidTagName: %j',
    (tag) => expect(() => reference.validateTag(tag)).toThrow(coded('INVALID_TAG')),
  );
  test('a digest is a reference, a half one is not', () => {
    expect(reference.validateReference(digest)).toBe(digest);
    expect(() => reference.validateReference('sha256:b')).toThrow(coded('INVALID_TAG'));
  });
});

test('names made to make patterns backtrack are answered at once', () => {
  const refused = coded('INVALID_NAME');
  for (const unit of ['a-', 'a.', 'a_', 'a/', '-', 'a']) {
    expect(() => reference.validateRepository(`${unit.repeat(50_000)}!`)).toThrow(refused);
    expect(() => reference.validateRepository(`${unit.repeat(120)}!`)).toThrow(refused);
  }
  expect(reference.parseRepositoryTag('a-'.repeat(50_000)).reference).toBe('');
  expect(reference.isDigestReference(`${'a+'.repeat(50_000)}!`)).toBe(false);
});
