import { describe, expect, it } from 'vitest';
import {
  askedName,
  canonicalName,
  CONTAINERD_NAME,
  layoutName,
  REF_NAME,
  taggedName,
} from '../../src/formats/names.ts';
import { openFormatLab, readAll } from '../support/format-context.ts';
import {
  dockerArchiveFiles,
  fixtureImage,
  fixtureLayer,
  legacyArchiveFiles,
  writeArchiveFile,
} from '../support/image-fixture.ts';

describe('a name of RepoTags', () => {
  it.each([
    ['busybox:latest', 'busybox:latest'],
    ['index.docker.io/library/test:latest', 'test:latest'],
    ['docker.io/a/b:1', 'a/b:1'],
    ['localhost:5000/a/b:tag', 'localhost:5000/a/b:tag'],
    ['[::1]:5000/a:t', '[::1]:5000/a:t'],
    [`a:${'t'.repeat(128)}`, `a:${'t'.repeat(128)}`],
  ])('%s becomes %s', (text, name) => {
    expect(taggedName(text)).toBe(name);
  });

  it.each([
    '../../x:latest',
    'a:b:c',
    'UPPER:1',
    `x@sha256:${'a'.repeat(64)}`,
    'x',
    '',
    ':latest',
    `${'a'.repeat(300)}:latest`,
    `${'a'.repeat(64)}:latest`,
    'a//b:1',
    'scratch:latest',
  ])('is not %j (I13, J1, J2)', (text) => {
    expect(() => taggedName(text)).toThrow(expect.objectContaining({ code: 'INVALID_NAME' }));
  });

  it.each([`a:${'t'.repeat(129)}`, 'a:-x', 'a:.x', 'a:x\n'])('has no tag like that of %j (I13, J3)', (text) => {
    expect(() => taggedName(text)).toThrow(expect.objectContaining({ code: 'INVALID_TAG' }));
  });

  it('that somebody asks for may leave its tag away', () => {
    expect(askedName('docker.io/library/busybox')).toBe('busybox:latest');
  });
});

describe('the name of an entry of a layout (S8)', () => {
  const nameOf = (
    annotations: Record<string, string>,
    location: string | null = '/data/My-App.tar.gz',
  ): string | null => layoutName(new Map(Object.entries(annotations)), location);

  it.each([
    ['of containerd first', { [CONTAINERD_NAME]: 'docker.io/library/busybox:1', [REF_NAME]: 'other:2' }, 'busybox:1'],
    ['of containerd, without a tag', { [CONTAINERD_NAME]: 'docker.io/library/busybox' }, 'busybox:latest'],
    ['of the ref, which is a name', { [REF_NAME]: 'localhost:5000/a:2' }, 'localhost:5000/a:2'],
    ['of the ref, which is a repository', { [REF_NAME]: 'quay.io/a' }, 'quay.io/a:latest'],
    ['of the layout, with the ref as tag', { [REF_NAME]: '1.0' }, 'my-app:1.0'],
    ['of the ref where that of containerd is none', { [CONTAINERD_NAME]: '!', [REF_NAME]: 'a:2' }, 'a:2'],
    ['nobody gave', {}, null],
    ['that is none', { [REF_NAME]: '_cosign:sha256-aa.att' }, null],
    ['of a digest, which is none', { [REF_NAME]: `a@sha256:${'a'.repeat(64)}` }, null],
  ])('is the one %s', (_what, annotations, name) => {
    expect(nameOf(annotations)).toBe(name);
  });

  it.each([
    ['/data/app', 'app:1'],
    ['/data/app/', 'app:1'],
    ['app.tar', 'app:1'],
    ['app.tgz', 'app:1'],
    ['app.tar.xz', 'app:1'],
    ['v1.2.oci', 'v1.2:1'],
    ['/data/my app', null],
    ['-', null],
    [null, null],
  ])('uses the location %j as %j', (location, name) => {
    expect(nameOf({ [REF_NAME]: '1' }, location)).toBe(name);
  });
});

describe('the full spelling of a name', () => {
  it.each([
    ['busybox:1', 'docker.io/library/busybox:1'],
    ['a/b:1', 'docker.io/a/b:1'],
    ['quay.io/a:1', 'quay.io/a:1'],
    ['localhost/a:1', 'localhost/a:1'],
    ['host:5000/a:1', 'host:5000/a:1'],
  ])('of %s is %s', (familiar, full) => {
    expect(canonicalName(familiar)).toBe(full);
  });
});

it('an image is called by the familiar form of its name, however the archive spells it', async () => {
  await using lab = openFormatLab();
  const image = fixtureImage([fixtureLayer({ a: 'b' })], { names: ['index.docker.io/library/test:latest'] });
  const modern = writeArchiveFile(`${lab.dir}/modern.tar`, dockerArchiveFiles([image]));
  const id = 'a'.repeat(64);
  const old = writeArchiveFile(
    `${lab.dir}/old.tar`,
    legacyArchiveFiles([{ id }], { 'docker.io/library/old': { '1': id } }),
  );
  const refs = async (path: string) =>
    (await readAll(path, lab.context)).items.map((item) => ('ref' in item ? item.ref : null));
  expect(await refs(modern)).toEqual(['test:latest']);
  expect(await refs(old)).toEqual(['old:1']);
});
