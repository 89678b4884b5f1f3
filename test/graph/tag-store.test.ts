import { linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TagStore } from '../../src/graph/tag-store.ts';
import { codeOf } from '../support/code-of.ts';
import { FakeTaggedGraph } from '../support/fake-tagged-graph.ts';

const ID = 'aa520956326f405099f3ad01cbcf5920bd2f0bec7f5aa6c6642c5bd59ef82228';
const OTHER = '522db5cb5c5b7ad1bf79b0a64d7123160db639bbef6b9e6f982b63a501cf8ee8';
const SIMILAR = `aa520956326f4${'0'.repeat(51)}`;
const DIGEST = `sha256:${'ab'.repeat(32)}`;

let dir: string;
let path: string;
let graph: FakeTaggedGraph;
let tags: TagStore;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'layermill-tags-'));
  path = join(dir, 'repositories-vfs');
  graph = new FakeTaggedGraph([ID, OTHER, SIMILAR]);
  tags = await TagStore.open(path, graph);
});
afterEach(() => rmSync(dir, { recursive: true }));

const written = (): string => readFileSync(path, 'utf8');
const found = async (name: string): Promise<string> => (await tags.lookupImage(name)).id;

test('a new store is a file with no repositories, for its owner only', () => {
  expect(written()).toBe('{"Repositories":{}}');
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

describe('TestLookupImage', () => {
  const privateName = '127.0.0.1:8000/privateapp';
  beforeEach(async () => {
    await tags.set('myapp', '', ID);
    await tags.set(privateName, '', OTHER);
    await tags.set(privateName, DIGEST, OTHER);
  });

  test.each([
    ID,
    ID.slice(0, 16),
    `myapp:${ID}`,
    `myapp:${ID.slice(0, 12)}`,
    'myapp',
    'myapp:latest',
    `sha256:${ID}`,
    ...['docker.io/', 'index.docker.io/', 'library/', 'docker.io/library/', 'index.docker.io/library/'].flatMap(
      (prefix) => [`${prefix}myapp`, `${prefix}myapp:latest`],
    ),
  ])('%s', async (name) => expect(await found(name)).toBe(ID));

  test.each([
    OTHER,
    OTHER.slice(0, 12),
    `${privateName}:${OTHER}`,
    `${privateName}:${OTHER.slice(0, 12)}`,
    privateName,
    `${privateName}:latest`,
    `${privateName}@${DIGEST}`,
  ])('%s', async (name) => expect(await found(name)).toBe(OTHER));

  test.each(['myapp:fail', 'fail:fail', '', 'library/127.0.0.1:8000/privateapp'])('%j is nothing', async (name) => {
    expect(await codeOf(tags.lookupImage(name))).toMatch(/IMAGE_NOT_FOUND|INVALID_ARGUMENT/);
  });

  test('a short id in the place of a tag picks no image by chance', async () => {
    expect(await tags.getImage('myapp', 'a')).toBeNull();
    expect(await tags.getImage('myapp', ID.slice(0, 11))).toBeNull();
    await tags.set('myapp', 'similar', SIMILAR);
    expect(await codeOf(tags.getImage('myapp', ID.slice(0, 12)))).toBe('ID_AMBIGUOUS');
    expect((await tags.getImage('myapp', ID.slice(0, 15)))?.id).toBe(ID);
    expect(await tags.getImage('nothing', 'latest')).toBeNull();
  });

  test('a tag whose image has gone names nothing, and is no obstacle', async () => {
    graph.remove(OTHER);
    expect(await codeOf(tags.lookupImage(privateName))).toBe('IMAGE_NOT_FOUND');
    expect(tags.byId().get(OTHER)).toHaveLength(2);
    await tags.deleteAll(OTHER);
    expect(tags.get(privateName)).toBeNull();
  });

  test('such a tag does not stand before the image whose id begins like its name', async () => {
    const name = ID.slice(0, 15);
    await tags.set(name, '', OTHER);
    expect(await found(name)).toBe(OTHER);
    graph.remove(OTHER);
    expect(await found(name)).toBe(ID);
  });
});

describe('set', () => {
  test.each(['9', 'foo', 'foo-test', 'bar.baz.boo'])('TestValidTagName: %s', async (tag) => {
    await tags.set('repo', tag, ID);
    expect(tags.get('repo')?.get(tag)).toBe(ID);
  });
  test.each(['-9', '.foo', '-test', '.', '-', 'bad/tag', 'bad:tag'])('TestInvalidTagName: %s', async (tag) => {
    expect(await codeOf(tags.set('repo', tag, ID))).toBe('INVALID_TAG');
  });

  test('looks the image up first, then checks the names', async () => {
    expect(await codeOf(tags.set('', 'bad/tag', 'nosuch'))).toBe('IMAGE_NOT_FOUND');
    expect(await codeOf(tags.set('', 'x', ID))).toBe('INVALID_NAME');
    expect(await codeOf(tags.set('scratch', 'x', ID))).toBe('INVALID_NAME');
    expect(written()).toBe('{"Repositories":{}}');
  });

  test('without force never takes a tag away, not even for the same image', async () => {
    await tags.set('app', '1', ID);
    expect(await codeOf(tags.set('app', '1', OTHER))).toBe('TAG_TAKEN');
    expect(await codeOf(tags.set('app', '1', ID))).toBe('TAG_TAKEN');
    expect(await codeOf(tags.set('docker.io/library/app', '1', OTHER))).toBe('TAG_TAKEN');
    expect(await found('app:1')).toBe(ID);
    await tags.set('app', '1', OTHER, true);
    expect(await found('app:1')).toBe(OTHER);
  });

  test('a name may be given by another name', async () => {
    await tags.set('app', '1', ID);
    await tags.set('app', 'stable', 'app:1');
    expect(await found('app:stable')).toBe(ID);
  });

  test('an image that goes while it is named is not named', async () => {
    const lookedUp = graph.get.bind(graph);
    graph.get = async (name) => {
      const image = await lookedUp(name);
      graph.remove(image.id);
      return image;
    };
    expect(await codeOf(tags.set('app', '1', ID))).toBe('IMAGE_NOT_FOUND');
    expect(tags.get('app')).toBeNull();
  });
});

describe('delete', () => {
  beforeEach(async () => {
    await tags.set('app', '1', ID);
    await tags.set('app', '2', ID);
    await tags.set('localhost:5000/foo', 'tag', ID);
    await tags.set('localhost:5000/foo', DIGEST, ID);
  });

  test('takes a tag, and the repository with its last one', async () => {
    expect(await tags.delete('app', '1')).toBe(true);
    expect([...tags.get('app')!.keys()]).toEqual(['2']);
    await tags.delete('library/app', '2');
    expect(tags.get('app')).toBeNull();
  });

  test('takes a whole repository', async () => {
    await tags.delete('app');
    expect([...tags.repositories.keys()]).toEqual(['localhost:5000/foo']);
  });

  test('of what is not there is an error and writes nothing', async () => {
    const before = statSync(path).ino;
    expect(await codeOf(tags.delete('app', 'nosuch'))).toBe('TAG_NOT_FOUND');
    expect(await codeOf(tags.delete('nosuch', 'x'))).toBe('TAG_NOT_FOUND');
    expect(await codeOf(tags.delete('nosuch'))).toBe('TAG_NOT_FOUND');
    expect(statSync(path).ino).toBe(before);
  });

  test('all names of an image, with ports and digests in them', async () => {
    expect(tags.byId().get(ID)).toEqual(['app:1', 'app:2', 'localhost:5000/foo:tag', `localhost:5000/foo@${DIGEST}`]);
    expect(tags.imageName(ID)).toBe('app:1');
    expect(await tags.deleteAll(ID)).toHaveLength(4);
    expect(written()).toBe('{"Repositories":{}}');
    expect(tags.imageName(ID)).toBe('aa520956326f');
    expect(await tags.deleteAll(ID)).toEqual([]);
  });
});

test('changes that arrive together share one write, and a bad one fails alone', async () => {
  graph.holds = 0;
  const results = await Promise.all([
    ...Array.from({ length: 200 }, (_, index) => codeOf(tags.set('app', `${index}`, ID))),
    codeOf(tags.set('app', '7', OTHER)),
    codeOf(tags.delete('nosuch')),
  ]);
  expect(results.slice(0, 200).every((result) => result === 'no error')).toBe(true);
  expect(results.slice(200)).toEqual(['TAG_TAKEN', 'TAG_NOT_FOUND']);
  expect(graph.holds).toBeLessThanOrEqual(3);
  expect(new Set(tags.get('app')?.values())).toEqual(new Set([ID]));
  expect(readdirSync(dir)).toEqual(['repositories-vfs']);
});

test('the names of an image are known through every kind of change', async () => {
  await tags.set('app', '1', ID);
  expect(tags.namesOf(ID)).toEqual(['app:1']);
  await tags.set('app', '2', ID);
  await Promise.all([
    tags.set('app', '1', OTHER, true),
    tags.set('new', 'x', OTHER),
    tags.delete('app', '2'),
    tags.set('app', '3', ID),
  ]);
  expect(tags.byId()).toEqual(
    new Map([
      [ID, ['app:3']],
      [OTHER, ['app:1', 'new:x']],
    ]),
  );
  const [removed] = await Promise.all([tags.deleteAll(OTHER), tags.set('late', 'x', ID)]);
  expect(removed).toEqual(['app:1', 'new:x']);
  expect(tags.namesOf(ID)).toEqual(['app:3', 'late:x']);
  await tags.delete('late');
  expect(tags.namesOf(OTHER)).toEqual([]);
  await tags.delete('app');
  expect(tags.namesOf(ID)).toEqual([]);
  writeFileSync(path, JSON.stringify({ Repositories: { foreign: { x: ID }, empty: {} } }));
  expect(tags.namesOf(ID)).toEqual(['foreign:x']);
  await tags.set('app', '1', ID);
  expect(written()).toBe(`{"Repositories":{"app":{"1":"${ID}"},"empty":{},"foreign":{"x":"${ID}"}}}`);
});

test('what is handed out is a copy', async () => {
  await tags.set('app', '1', ID);
  (tags.get('app') as Map<string, string>).clear();
  tags.repositories.clear();
  expect(await found('app:1')).toBe(ID);
});

describe('a file that something else wrote', () => {
  const other = (repositories: object): void => writeFileSync(path, JSON.stringify({ Repositories: repositories }));

  test('is read before every answer; what is gone from it is gone', async () => {
    await tags.set('app', '1', ID);
    other({ new: { x: OTHER } });
    expect(tags.get('app')).toBeNull();
    expect(await found('new:x')).toBe(OTHER);
  });

  test('keeps what the other wrote when we write', async () => {
    other({ new: { x: OTHER } });
    await tags.set('app', '1', ID);
    expect(written()).toBe(`{"Repositories":{"app":{"1":"${ID}"},"new":{"x":"${OTHER}"}}}`);
  });

  test('changed in the same tick with the same size is read again when layermill changed it', async () => {
    other({ app: { x: OTHER } });
    expect(await found('app:x')).toBe(OTHER);
    const { atime, mtime } = statSync(path);
    graph.changes++;
    other({ app: { x: ID } });
    utimesSync(path, atime, mtime);
    expect(await found('app:x')).toBe(ID);
  });

  test('with null lists has none', async () => {
    writeFileSync(path, '{"Repositories":null}');
    expect(tags.repositories.size).toBe(0);
    await tags.set('app', '1', ID);
  });

  test('with names in long form is found by them', async () => {
    other({ 'docker.io/acme/app': { x: ID } });
    expect(await found('docker.io/acme/app:x')).toBe(ID);
    await tags.delete('docker.io/acme/app', 'x');
    expect(tags.repositories.size).toBe(0);
  });

  test('that is damaged is an error, never an empty store', async () => {
    writeFileSync(path, '{"Repositories":');
    expect(() => tags.byId()).toThrow(expect.objectContaining({ code: 'JSON_INVALID' }));
    expect(await codeOf(tags.set('app', '1', ID))).toBe('JSON_INVALID');
    expect(written()).toBe('{"Repositories":');
    expect(await codeOf(TagStore.open(path, graph))).toBe('JSON_INVALID');
    await expect(tags.reload()).rejects.toMatchObject({ code: 'JSON_INVALID' });
  });
});

test('a store that is open for reading neither makes nor changes the file', async () => {
  const elsewhere = join(dir, 'repositories-overlay2');
  const readOnly = await TagStore.open(elsewhere, new FakeTaggedGraph([ID], { readOnly: true }));
  expect(readOnly.repositories.size).toBe(0);
  expect(await codeOf(readOnly.set('app', '1', ID))).toBe('STORE_READ_ONLY');
  expect(await codeOf(readOnly.deleteAll(ID))).toBe('STORE_READ_ONLY');
  expect(readdirSync(dir)).toEqual(['repositories-vfs']);
});

test('whoever has the file open reads the old names to their end', async () => {
  await tags.set('app', '1', ID);
  const before = written();
  // A second name for the file, as it is: a write in its place would show through.
  linkSync(path, join(dir, 'open'));
  await tags.set('app', '2', OTHER);
  expect(readFileSync(join(dir, 'open'), 'utf8')).toBe(before);
  expect(written()).not.toBe(before);
});

test('save writes what the file says, and a full disk loses nothing', async () => {
  await tags.set('app', '1', ID);
  await tags.save();
  const before = written();
  graph.exclusive = () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }));
  expect(await codeOf(tags.set('app', '2', ID))).toBe('ENOSPC');
  expect(written()).toBe(before);
});
