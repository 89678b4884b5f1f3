import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SourceItem } from '../../../src/image/image-source.ts';
import { type FormatLab, openFormatLab, readAll } from '../../support/format-context.ts';
import {
  type FixtureFiles,
  type FixtureV1Image,
  json,
  legacyArchiveFiles,
  v1Id,
  writeArchiveFile,
} from '../../support/image-fixture.ts';

const A = v1Id('a');
const B = v1Id('b');
const C = v1Id('c');
const CHAIN: FixtureV1Image[] = [{ id: C, parent: B }, { id: A }, { id: B, parent: A }];

let lab: FormatLab;
beforeAll(() => {
  lab = openFormatLab();
});
afterAll(() => lab.close());

let count = 0;
async function itemsOf(files: FixtureFiles, ref = ''): Promise<SourceItem[]> {
  const path = writeArchiveFile(join(lab.dir, `${count++}.tar`), files);
  return (await readAll(`docker-archive:${path}${ref}`, lab.context)).items;
}

/** Each item in a word: its names and its chain, or the code of what is wrong with it. */
function told(items: SourceItem[]): string[] {
  return items.map((item) => {
    if (item.kind === 'legacy') return `${item.names.join()}: ${item.chain.map(({ id }) => id[0]).join(' < ')}`;
    return item.kind === 'broken' ? `${item.ref.slice(0, 8)} ${item.error.code}` : item.kind;
  });
}

describe('an archive from before manifest.json', () => {
  it('gives an image with its chain, base first, in whatever order the directories are (ID-34)', async () => {
    const files = legacyArchiveFiles(CHAIN, { app: { '1': C } });
    const items = await itemsOf(files);
    expect(told(items)).toEqual(['app:1: a < b < c']);
    expect(items).toMatchObject([
      {
        chain: [
          { parent: null, json: files.get(`${A}/json`) },
          { parent: A },
          { parent: B, json: files.get(`${C}/json`) },
        ],
      },
    ]);
  });

  it('gives what has a name, and what has neither name nor children', async () => {
    const images = [...CHAIN, { id: v1Id('d'), parent: A }];
    const names = { app: { '1': B, '2': B }, 'localhost:5000/x': { y: A } };
    expect(told(await itemsOf(legacyArchiveFiles(images, names)))).toEqual([
      'app:1,app:2: a < b',
      'localhost:5000/x:y: a',
      ': a < b < c',
      ': a < d',
    ]);
  });

  it('may have no names at all, as when it was saved by id', async () => {
    expect(told(await itemsOf(legacyArchiveFiles(CHAIN)))).toEqual([': a < b < c']);
  });

  it('may have a layer of no bytes (I11)', async () => {
    const files = legacyArchiveFiles([{ id: A, layer: Buffer.alloc(0) }], { app: { '1': A } });
    expect(await itemsOf(files)).toMatchObject([{ kind: 'legacy', chain: [{ layer: { length: 0 } }] }]);
  });

  it.each([
    [':app:1', ['app:1: a < b']],
    [':app', ['app:latest: a < b < c']],
    [`:${B}`, ['app:1: a < b']],
    [`:${A}`, []],
    [':@1', ['app:latest: a < b < c']],
  ])('gives the one that is asked for by %s', async (ref, expected) => {
    const files = legacyArchiveFiles(CHAIN, { app: { '1': B, latest: C } });
    if (expected.length > 0) expect(told(await itemsOf(files, ref))).toEqual(expected);
    else await expect(itemsOf(files, ref)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });
});

describe('a chain is broken when', () => {
  it.each<[string, FixtureV1Image[], Record<string, Record<string, string>> | undefined, string[]]>([
    ['its parent is missing (H13)', [{ id: B, parent: A }], undefined, ['bbbbbbbb CHAIN_INVALID']],
    ['it is its own parent (H12)', [{ id: A, parent: A }], undefined, ['aaaaaaaa CHAIN_INVALID']],
    [
      'it goes round (H12)',
      [
        { id: A, parent: B },
        { id: B, parent: A },
      ],
      undefined,
      ['aaaaaaaa CHAIN_INVALID', 'bbbbbbbb CHAIN_INVALID'],
    ],
    [
      'it leads into a circle',
      [
        { id: A, parent: B },
        { id: B, parent: A },
        { id: C, parent: A },
      ],
      undefined,
      ['cccccccc CHAIN_INVALID'],
    ],
    ['its JSON is of another id (H11)', [{ id: A, json: { id: B } }], undefined, ['aaaaaaaa CHAIN_INVALID']],
    ['a name leads to nothing (I12)', [{ id: A }], { app: { '1': B } }, ['app:1 CHAIN_INVALID', ': a']],
    ['a name leads out of the archive', [{ id: A }], { app: { '1': '../../etc' } }, ['app:1 CHAIN_INVALID', ': a']],
    ['its parent is no id (H14)', [{ id: A, parent: '../../etc' }], undefined, ['aaaaaaaa INVALID_ID']],
    [
      'its parent is an id and a line end (H14)',
      [{ id: B }, { id: A, parent: `${B}\n` }],
      undefined,
      [': b', 'aaaaaaaa INVALID_ID'],
    ],
    ['its name is none (I13)', [{ id: A }], { '../x': { '1': A } }, ['../x:1 INVALID_NAME']],
    ['its tag is none (I13)', [{ id: A }], { app: { '-x': A } }, ['app:-x INVALID_TAG']],
    [
      'one below it is broken',
      [
        { id: A, json: { id: C } },
        { id: B, parent: A },
      ],
      undefined,
      ['bbbbbbbb CHAIN_INVALID'],
    ],
  ])('%s', async (_what, images, repositories, expected) => {
    expect(told(await itemsOf(legacyArchiveFiles(images, repositories)))).toEqual(expected);
  });

  it.each([
    ['63 digits', 'a'.repeat(63)],
    ['upper case', 'A'.repeat(64)],
    ['a word', 'latest'],
  ])('its directory is called like %s (H14)', async (_what, id) => {
    const files = legacyArchiveFiles([{ id: A }, { id }], {});
    expect(told(await itemsOf(files))).toEqual([': a', `${id.slice(0, 8)} INVALID_ID`]);
  });

  it.each(['json', 'layer.tar'])('its %s is a link to the host, or missing', async (name) => {
    const files = legacyArchiveFiles([{ id: A }], { app: { '1': A } });
    files.set(`${A}/${name}`, '/etc/passwd');
    expect(told(await itemsOf(files))).toEqual(['app:1 ARCHIVE_INVALID']);
    files.delete(`${A}/${name}`);
    expect(told(await itemsOf(files))).toEqual([name === 'json' ? 'app:1 CHAIN_INVALID' : 'app:1 ARCHIVE_INVALID']);
  });

  it('it is longer than an image may be, and nothing recurses over it (H13)', async () => {
    const ids = Array.from({ length: 2000 }, (_, index) => index.toString(16).padStart(64, '0'));
    const images = ids.map((id, index): FixtureV1Image => (index === 0 ? { id } : { id, parent: ids[index - 1]! }));
    expect(told(await itemsOf(legacyArchiveFiles(images)))).toEqual(['00000000 LIMIT_EXCEEDED']);
  });
});

describe('repositories', () => {
  it.each(['null', '{"a":[]}', '{"a":{"b":1}}', '{}{}'])('are refused as %s', async (text) => {
    const files = legacyArchiveFiles([{ id: A }]);
    files.set('repositories', Buffer.from(text));
    await expect(itemsOf(files)).rejects.toMatchObject({ code: 'JSON_INVALID' });
  });

  it('of prototypes are names like others (H7)', async () => {
    const files = legacyArchiveFiles([{ id: A }]);
    files.set('repositories', Buffer.from(`{"__proto__":{"x":"${A}"}}`));
    expect(told(await itemsOf(files))).toEqual(['__proto_ INVALID_NAME']);
  });

  it('alone, without any image, leads to nothing', async () => {
    expect(told(await itemsOf(new Map([['repositories', json({ app: { '1': A } })]])))).toEqual([
      'app:1 CHAIN_INVALID',
    ]);
  });
});
