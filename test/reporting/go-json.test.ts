import { expect, test } from 'vitest';
import { compareBytes, marshalGo } from '../../src/reporting/go-json.ts';

test('escapes what Go escapes, and nothing else', () => {
  expect(marshalGo('<a> & \u2028\u2029')).toBe('"\\u003ca\\u003e \\u0026 \\u2028\\u2029"');
  expect(marshalGo('\n\r\t\b\f\u0001"\\')).toBe('"\\n\\r\\u0009\\u0008\\u000c\\u0001\\"\\\\"');
  expect(marshalGo('\\b\\t')).toBe('"\\\\b\\\\t"');
  expect(marshalGo('é日/\u007f')).toBe('"é日/\u007f"');
  expect(marshalGo('\ud800x')).toBe('"\ufffdx"');
});

test('structs keep their order and lose what is undefined; maps are sorted by bytes', () => {
  expect(marshalGo({ b: 1, a: undefined, c: [null, true, {}] })).toBe('{"b":1,"c":[null,true,{}]}');
  const map = new Map([
    ['\u{10000}', 1],
    ['\uffff', 2],
    ['a', 3],
  ]);
  expect(marshalGo(map)).toBe('{"a":3,"\uffff":2,"\u{10000}":1}');
  expect(compareBytes('\u{10000}', '\uffff')).toBeGreaterThan(0);
});
