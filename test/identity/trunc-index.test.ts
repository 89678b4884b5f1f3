import { describe, expect, test } from 'vitest';
import { generateRandomId } from '../../src/identity/image-id.ts';
import { TruncIndex } from '../../src/identity/trunc-index.ts';

const coded = (code: string): unknown => expect.objectContaining({ code });
const notFound = coded('IMAGE_NOT_FOUND');
const ambiguous = coded('ID_AMBIGUOUS');

test('TestTruncIndex', () => {
  const index = new TruncIndex();
  expect(() => index.get('foobar')).toThrow(notFound);
  expect(() => index.add('I have a space')).toThrow(coded('INVALID_ID'));

  const id = '99b36c2c326ccc11e726eee6ee78a0baf166ef96';
  index.add(id);
  expect(() => index.add(id)).toThrow(coded('IMAGE_ID_TAKEN'));
  expect(() => index.get('abracadabra')).toThrow(notFound);
  for (const length of [id.length, 1, id.length / 2]) expect(index.get(id.slice(0, length))).toBe(id);
  expect(() => index.get(id.slice(id.length / 2))).toThrow(notFound);

  const id2 = `${id.slice(0, 6)}blabla`;
  index.add(id2);
  expect(index.get(id)).toBe(id);
  expect(index.get(id2)).toBe(id2);
  for (const length of [6, 4, 1]) expect(() => index.get(id.slice(0, length))).toThrow(ambiguous);
  expect(index.get(id.slice(0, 7))).toBe(id);
  expect(index.get(id2.slice(0, 7))).toBe(id2);

  expect(() => index.delete('non-existing')).toThrow(notFound);
  index.delete(id2);
  for (const name of [id2, id2.slice(0, 7), id2.slice(0, 11)]) expect(() => index.get(name)).toThrow(notFound);
  for (const length of [1, 4, 6, 7, 15, id.length]) expect(index.get(id.slice(0, length))).toBe(id);
  expect(() => index.delete(id.slice(0, 7))).toThrow(notFound);
});

describe('an empty id or prefix is an error of its own', () => {
  const index = new TruncIndex(['a1']);
  const empty = coded('INVALID_ARGUMENT');
  test('add', () => expect(() => index.add('')).toThrow(empty));
  test('get', () => expect(() => index.get('')).toThrow(empty));
  test('get from an empty index', () => expect(() => new TruncIndex().get('')).toThrow(empty));
  test('delete', () => expect(() => index.delete('')).toThrow(empty));
});

test('an exact id wins over being a prefix of another', () => {
  const index = new TruncIndex(['foobar', 'foo']);
  expect(index.get('foo')).toBe('foo');
  index.delete('foo');
  expect(index.get('foo')).toBe('foobar');
});

test('an ambiguous prefix names some of the candidates, never all of very many', () => {
  const index = new TruncIndex(Array.from({ length: 50 }, (_, at) => `ab${at}`));
  let details: unknown;
  try {
    index.get('ab');
  } catch (error) {
    details = (error as { details: unknown }).details;
  }
  expect(details).toMatchObject({ prefix: 'ab', matches: { length: 10 } });
});

test('a query cannot match across two ids, and an upper-case one matches nothing', () => {
  const index = new TruncIndex(['abc', 'def']);
  expect(() => index.get('abc def')).toThrow(notFound);
  expect(() => index.get('ABC')).toThrow(notFound);
});

test('ids given twice count once', () => {
  const index = new TruncIndex(['b', 'a', 'b']);
  expect([...index]).toEqual(['a', 'b']);
  expect(index.get('b')).toBe('b');
});

test('iteration visits every id in order, undisturbed by changes on the way', () => {
  const index = new TruncIndex(['c', 'a', 'd', 'b']);
  const seen: string[] = [];
  for (const id of index) {
    seen.push(id);
    if (id === 'a') index.delete('b');
  }
  expect(seen).toEqual(['a', 'b', 'c', 'd']);
  expect(index.size).toBe(3);
});

test('100,000 ids are found by half of themselves', () => {
  const ids = Array.from({ length: 100_000 }, generateRandomId);
  const index = new TruncIndex(ids);
  expect(index.size).toBe(100_000);
  for (let at = 0; at < ids.length; at += 997) expect(index.get(ids[at]!.slice(0, 32))).toBe(ids[at]);
});
