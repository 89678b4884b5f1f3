import { describe, expect, it } from 'vitest';
import { decodeArchiveManifest, decodeRepositories, decodeV1Link } from '../../src/image/archive-documents.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
const code = (value: string): unknown => expect.objectContaining({ code: value });

describe('manifest.json', () => {
  it('lists images; what is null is empty', () => {
    const raw =
      '[{"Config":"c.json","RepoTags":["a:b"],"Layers":["x","y"],"Parent":"p"},{"Config":"d","RepoTags":null}]';
    expect(decodeArchiveManifest(bytes(raw))).toEqual([
      { config: 'c.json', repoTags: ['a:b'], layers: ['x', 'y'] },
      { config: 'd', repoTags: [], layers: [] },
    ]);
  });

  it('may list nothing (H9)', () => {
    expect(decodeArchiveManifest(bytes('[]'))).toEqual([]);
  });

  it('may have lower-case keys, as jib writes them (I25)', () => {
    expect(decodeArchiveManifest(bytes('[{"config":"c","repoTags":["a:b"],"layers":["x"]}]'))).toEqual([
      { config: 'c', repoTags: ['a:b'], layers: ['x'] },
    ]);
  });

  it.each([
    ['null (H9)', 'null'],
    ['empty (H9)', ''],
    ['an object', '{}'],
    ['a list of nothing', '[null]'],
    ['without a config', '[{"Layers":[]}]'],
    ['with a string as tags (H5)', '[{"Config":"c","RepoTags":"x"}]'],
    ['with a number among the layers', '[{"Config":"c","Layers":[1]}]'],
    ['with two spellings of its layers (I25)', '[{"Config":"c","Layers":["a"],"layers":["b"]}]'],
  ])('is refused when it is %s', (_what, text) => {
    expect(() => decodeArchiveManifest(bytes(text))).toThrow(code('JSON_INVALID'));
  });
});

describe('repositories', () => {
  it('lead from names to ids', () => {
    const repositories = decodeRepositories(bytes('{"a":{"1":"x","2":"y"},"__proto__":{"t":"z"}}'));
    expect([...repositories].map(([name, tags]) => [name, [...tags]])).toEqual([
      [
        'a',
        [
          ['1', 'x'],
          ['2', 'y'],
        ],
      ],
      ['__proto__', [['t', 'z']]],
    ]);
  });

  it.each(['null', '[]', '{"a":"x"}', '{"a":{"b":1}}', '{"a":[]}'])('are refused as %s', (text) => {
    expect(() => decodeRepositories(bytes(text))).toThrow(code('JSON_INVALID'));
  });
});

describe('the link of a v1 image to its parent', () => {
  it('is its id and its parent, which may be missing, null or empty', () => {
    expect(decodeV1Link(bytes('{"id":"a","parent":"b"}'), 'x')).toEqual({ id: 'a', parent: 'b' });
    for (const parent of ['', ',"parent":null', ',"parent":""']) {
      expect(decodeV1Link(bytes(`{"id":"a"${parent}}`), 'x')).toEqual({ id: 'a', parent: null });
    }
  });

  it('is refused when it is of other types', () => {
    expect(() => decodeV1Link(bytes('{"id":1}'), 'x')).toThrow(code('JSON_INVALID'));
    expect(() => decodeV1Link(bytes('{"id":"a","parent":["b"]}'), 'x')).toThrow(code('JSON_INVALID'));
  });
});
