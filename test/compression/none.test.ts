import { expect, test } from 'vitest';
import { profileFor } from '../../src/compression/codecs.ts';
import { encoderSuite } from '../suites/codec.ts';
import { codeOf, unpack } from '../support/packed.ts';

encoderSuite('none', profileFor({ compression: 'none' }));

test('plain bytes have a limit too, and no ratio', () => {
  const bytes = Buffer.from('plain');
  expect(unpack('none', [bytes, Buffer.alloc(0)], { outputBytes: 5, ratio: 1 })).toEqual(bytes);
  expect(codeOf(() => unpack('none', [bytes], { outputBytes: 4, ratio: 1 }))).toBe('LIMIT_EXCEEDED');
});
