import { describe, expect, it } from 'vitest';
import { foldCase, parseStrictJson, pickFields, quoted } from '../../src/image/strict-json.ts';
import { DEFAULT_DOCUMENT_LIMITS } from '../../src/image/document-limits.ts';

const parse = (text: string | Buffer): unknown => parseStrictJson(Buffer.from(text), 'the document');

function codeOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return 'no error';
}

describe('a strict document', () => {
  it.each([
    ['an object', '{"a":[1,{"b":null}],"c":"\\u00e9"}', { a: [1, { b: null }], c: 'é' }],
    ['white space around', ' \n{}\t\n', {}],
    ['null', 'null', null],
    ['a whole surrogate pair', '"\\ud83d\\ude00"', '😀'],
    ['brackets in strings', '"[[[{{{"', '[[[{{{'],
    ['an escaped quote before a bracket', '["\\"[", "\\\\"]', ['"[', '\\']],
    ['one key in two objects', '[{"a":1},{"a":2}]', [{ a: 1 }, { a: 2 }]],
    ['one key at two depths', '{"a":{"a":1}}', { a: { a: 1 } }],
    ['a value that equals a key', '{"a":"a","b":["a","b"]}', { a: 'a', b: ['a', 'b'] }],
  ])('may be %s', (_what, text, value) => {
    expect(parse(text)).toEqual(value);
  });

  it.each([
    ['nothing at all', ''],
    ['trailing data (H8)', '{}{}'],
    ['a comment behind it (H8)', '[]\n#'],
    ['bytes that are no UTF-8 (H4)', Buffer.from([0x22, 0xff, 0x22])],
    ['an overlong encoding (H4)', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
    ['a byte order mark (H4)', Buffer.from('\ufeff{}')],
    ['a NUL (H4)', '{"a":"\u0000"}'],
    ['the first half of a surrogate pair (H4)', '"\\ud83d"'],
    ['the second half of one (H4)', '"\\ude00"'],
    ['two first halves (H4)', '"\\ud83d\\ud83d"'],
    ['a key twice in one object (H3)', '{"digest":"a","digest":"b"}'],
    ['a key twice, once escaped (H3)', '{"digest":"a","di\\u0067est":"b"}'],
    ['a key twice after a nested object (H3)', '{"a":{"x":[{}]},"a":1}'],
    ['hexadecimal numbers (H6)', '{"size":0x10}'],
    ['an unfinished string', '{"a":"b'],
    ['an unfinished escape', '"\\u12'],
    ['brackets that do not match', '{"a":]}'],
  ])('is refused with %s', (_what, text) => {
    expect(codeOf(() => parse(text))).toBe('JSON_INVALID');
  });

  it('is refused when it is nested too deep, without overflowing (H2)', () => {
    const depth = 1_000_000;
    expect(codeOf(() => parse('['.repeat(depth)))).toBe('LIMIT_EXCEEDED');
    expect(codeOf(() => parse('{"a":'.repeat(depth / 2)))).toBe('LIMIT_EXCEEDED');
    const { depth: allowed } = DEFAULT_DOCUMENT_LIMITS;
    expect(codeOf(() => parse('['.repeat(allowed) + ']'.repeat(allowed)))).toBe('no error');
    expect(codeOf(() => parse('['.repeat(allowed + 1) + ']'.repeat(allowed + 1)))).toBe('LIMIT_EXCEEDED');
  });

  it('is refused when it is too long, before it is looked at (H1)', () => {
    expect(codeOf(() => parse(Buffer.alloc(DEFAULT_DOCUMENT_LIMITS.bytes + 1, ' ')))).toBe('LIMIT_EXCEEDED');
  });

  it('keeps the keys of prototypes as plain data (H7)', () => {
    const value = parse('{"__proto__":{"polluted":true},"constructor":1}') as object;
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(pickFields(value, ['polluted'], 'x')).toEqual({});
  });
});

describe('fields of a document', () => {
  it('are found in any case, as jib writes them (I25)', () => {
    expect(pickFields({ config: 'c', repoTags: null, layers: [] }, ['Config', 'RepoTags', 'Layers'], 'x')).toEqual({
      Config: 'c',
      RepoTags: null,
      Layers: [],
    });
  });

  it('are taken in their exact spelling first, wherever it stands', () => {
    expect(Object.entries(pickFields({ a: [1], A: [1] }, ['A'], 'x'))).toEqual([['A', [1]]]);
  });

  it.each([
    ['two spellings', { Layers: [1], layers: [2] }, 'Layers'],
    ['a spelling with the long s', { layers: [1], 'layer\u017f': [2] }, 'layers'],
    ['a spelling with the Kelvin sign', { disk: 1, 'dis\u212a': 2 }, 'disk'],
  ] as [string, object, string][])('are refused in %s that differ (CVE-2021-41190)', (_what, document, name) => {
    expect(codeOf(() => pickFields(document, [name], 'x'))).toBe('JSON_INVALID');
  });

  it('fold case as Go does', () => {
    expect(foldCase('LAYERS')).toBe(foldCase('layer\u017f'));
    expect(foldCase('layers')).not.toBe(foldCase('layer'));
  });
});

describe('text from documents in messages', () => {
  it('has no characters that a terminal obeys (H17)', () => {
    expect(quoted('a\u001b[31m\u0007\u009b2J\u007f')).toBe('"a\\u001b[31m\\u0007\\u009b2J\\u007f"');
  });

  it('is cut short', () => {
    expect(quoted('x'.repeat(100_000)).length).toBeLessThan(300);
  });
});
