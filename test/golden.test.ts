import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeImageJson } from '../src/image/v1-compat.ts';
import { StreamFormatter } from '../src/reporting/stream-formatter.ts';
import { PassThrough } from 'node:stream';
import { GOLDEN, goldenMissing, listedAsGolden, unpackGoldenRoot } from './support/golden-root.ts';
import { listTree } from './support/layer-lab.ts';
import { openTestStore, type TestStore } from './support/test-store.ts';

const reason = goldenMissing();
if (reason !== null) console.log(`skipped: ${reason}`);

/**
 * Where we answer other than the original, and why.
 * - `lookup acme/app:aa5209`: a prefix of an id in the place of a tag needs 12 characters; shorter ones pick an image by chance.
 * - `tag` on a tag that exists: refused without force, which the original meant to do and did not.
 * - `temp`: the root directory `./` is no entry of a layer, and whiteouts carry the time 0 instead of now.
 * - the header of a hard link: the original gave its mode to the file that both names share; a link changes nothing here.
 * - errors say more than the original's, and are told apart by code.
 */
describe.runIf(reason === null)('a data directory of Docker 0.11', () => {
  let root: string;
  let store: TestStore;
  let ids: string[];
  let transcript: string;

  beforeAll(async () => {
    ({ root, ids } = unpackGoldenRoot());
    transcript = readFileSync(join(GOLDEN, 'transcript.txt'), 'utf8');
    store = await openTestStore('vfs', { root, readOnly: true });
  });

  afterAll(async () => {
    await store[Symbol.asyncDispose]();
    await rm(root, { recursive: true });
  });

  /** The lines that follow a call in the transcript, up to the next call. */
  const answerTo = (call: string): string => transcript.split(`$ ${call}\n`)[1]!.split('\n$ ')[0]!;
  const code = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => 'no error',
      (error: { code?: unknown }) => error.code,
    );

  test('the images, their parents and sizes are there', async () => {
    for (const id of ids) {
      const image = await store.graph.get(id);
      // `get` printed the image as Docker encodes it, with the size of its layer.
      expect(encodeImageJson(image).toString()).toBe(answerTo(`get ${id}`).trim());
    }
    expect((await store.graph.get('aa520956326f')).id).toBe(ids[1]);
    expect((await store.graph.get('aa5')).id).toBe(ids[1]);
    expect(await code(store.graph.get('nosuchimage'))).toBe('IMAGE_NOT_FOUND');
    const parents = new Map<string, string[]>();
    for await (const [parent, children] of store.graph.byParent())
      parents.set(parent, children.map((child) => child.id).sort());
    expect(parents).toEqual(new Map([[ids[0], [ids[1]!, ids[2]!].sort((a, b) => (a < b ? -1 : 1))]]));
  });

  test('heads', async () => {
    const heads: string[] = [];
    for await (const image of store.graph.heads()) heads.push(image.id);
    expect(heads).toEqual(answerTo('heads').trim().split('\n'));
  });

  test.each(['acme/app', 'acme/app:v2', 'localhost:5000/acme/side:nightly', '522db5cb'])('lookup %s', async (name) => {
    expect((await store.tags.lookupImage(name)).id).toBe(answerTo(`lookup ${name}`).trim());
  });

  test('look-ups and tags that are refused', async () => {
    expect(await code(store.tags.lookupImage('acme/nosuch'))).toBe('IMAGE_NOT_FOUND');
    expect(await code(store.tags.lookupImage('acme/app:aa5209'))).toBe('IMAGE_NOT_FOUND');
    expect((await store.tags.lookupImage('acme/app:aa520956326f')).id).toBe(ids[1]);
  });

  test('the tags are the ones of the file', () => {
    expect([...store.tags.repositories.keys()].sort()).toEqual(['acme/app', 'acme/base', 'localhost:5000/acme/side']);
    expect(store.tags.byId().get(ids[1]!)).toEqual(['acme/app:latest', 'acme/app:v2']);
    expect(store.tags.imageName(ids[2]!)).toBe('localhost:5000/acme/side:nightly');
  });

  test.each([
    [0, 'base'],
    [1, 'child'],
    [2, 'side'],
  ])('the archive of layer %i lists what the original gave back', async (index, name) => {
    await using archive = await store.graph.tempLayerArchive(ids[index]!, 'none');
    expect(listedAsGolden(archive.path)).toEqual(listedAsGolden(join(GOLDEN, `temp-${name}.tar`)));
  });

  test('the progress of an archive is told as the original told it', async () => {
    const output = new PassThrough();
    const formatter = new StreamFormatter();
    await using archive = await store.graph.tempLayerArchive(ids[1]!, 'none', { formatter, output });
    const size = `${archive.size / 1000} kB`.replace(/(\d+\.\d\d)\d* /, '$1 ');
    expect(output.read()?.toString()).toBe(`Buffering to disk ${size}\rBuffering to disk \r\n`);
  });
});

/** Below the root, which 0.11 made 0700 whatever the umask. Times of directories that no layer names are the moment's. */
const treeOf = (root: string, id: string): string[] => listTree(join(root, 'vfs/dir', id)).slice(1);
const timesOf = (root: string, id: string): string[] =>
  listTree(join(root, 'vfs/dir', id), { times: true }).flatMap(
    (line) => /^file (\S+) .*(@\d+)/.exec(line)?.slice(1).join(' ') ?? [],
  );
const linkChangesNothing = (line: string): string => line.replace(/^file bin\/hard 0644/, 'file bin/hard 0755');

describe.runIf(reason === null)('the same inputs registered here', () => {
  test('write the same files and the same tree', async () => {
    const { root: theirs, ids } = unpackGoldenRoot();
    try {
      await using store = await openTestStore('vfs');
      for (const [index, name] of ['base', 'child', 'side'].entries()) {
        const json = readFileSync(join(GOLDEN, `json-${index}`));
        await store.graph.register({ id: ids[index]! }, join(GOLDEN, `layer-${name}.tar`), { json });
      }
      await store.tags.set('acme/base', '1.0', ids[0]!);
      await store.tags.set('acme/app', 'latest', ids[1]!);
      await store.tags.set('acme/app', 'v2', ids[1]!);
      await store.tags.set('localhost:5000/acme/side', 'nightly', ids[2]!);
      for (const id of ids) {
        for (const file of ['json', 'layersize']) {
          const path = join('graph', id, file);
          expect(readFileSync(join(store.root, path), 'latin1'), path).toBe(readFileSync(join(theirs, path), 'latin1'));
        }
        expect(treeOf(store.root, id)).toEqual(treeOf(theirs, id).map(linkChangesNothing));
        expect(timesOf(store.root, id)).toEqual(timesOf(theirs, id));
      }
      expect(readFileSync(join(store.root, 'repositories-vfs'), 'latin1')).toBe(
        readFileSync(join(theirs, 'repositories-vfs'), 'latin1'),
      );
    } finally {
      await rm(theirs, { recursive: true });
    }
  });
});
