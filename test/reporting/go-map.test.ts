import { expect, test } from 'vitest';
import { compareBytes, marshalGo, quoteGo } from '../../src/reporting/go-json.ts';
import { GoMap } from '../../src/reporting/go-map.ts';

/** The same keys in another order each time, odd ones among them. */
const KEYS = Array.from(
  { length: 700 },
  (_, at) => `${(at * 7919) % 700}${['', '<', '"', 'é', '\uffff', '\u{10000}'][at % 6]}`,
);

test('has the entries, the order and the bytes of a map of Go, through additions, replacements and removals', () => {
  const plain = new Map<string, string>();
  let map = GoMap.of<string>([], quoteGo);
  const agree = (): void => {
    expect(map.encode().toString()).toBe(marshalGo(plain));
    expect([...map]).toEqual([...plain].sort(([left], [right]) => compareBytes(left, right)));
    expect(map.size).toBe(plain.size);
  };
  agree();
  KEYS.forEach((key, at) => {
    plain.set(key, `${at}`);
    map = map.with(key, `${at}`);
    if (at % 100 === 0) agree();
  });
  for (const key of KEYS.slice(0, 300)) {
    plain.set(key, 'new');
    map = map.with(key, 'new');
  }
  agree();
  KEYS.forEach((key, at) => {
    expect(map.get(key)).toBe(plain.get(key));
    plain.delete(key);
    map = map.without(key);
    expect(map.has(key)).toBe(false);
    if (at % 100 === 0) agree();
  });
  agree();
  expect(map.without('nothing')).toBe(map);
});

test('a change leaves the map that it was made from as it is, written before or not', () => {
  const before = GoMap.of(
    KEYS.map((key): [string, string] => [key, key]),
    quoteGo,
  );
  const written = before.encode();
  const after = before.with('added', 'x').without(KEYS[3]!);
  expect(after.encode().equals(written)).toBe(false);
  expect(before.encode().equals(written)).toBe(true);
  expect(before.get('added')).toBeUndefined();
  expect(before.get(KEYS[3]!)).toBe(KEYS[3]);
});

test('maps in a map are written as they are', () => {
  const inner = (pairs: [string, string][]): GoMap<string> => GoMap.of(pairs, quoteGo);
  const outer = GoMap.of<GoMap<string>>(
    [
      [
        'b',
        inner([
          ['2', 'x'],
          ['1', 'y'],
        ]),
      ],
      ['a', inner([])],
    ],
    (map) => map.encode(),
  );
  expect(outer.encode().toString()).toBe('{"a":{},"b":{"1":"y","2":"x"}}');
});
