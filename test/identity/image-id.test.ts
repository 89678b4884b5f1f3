import { describe, expect, test } from 'vitest';
import { generateRandomId, isShortId, truncateId, validateImageId } from '../../src/identity/image-id.ts';

const id = 'd35d09b08ee7b4e8109b5274d04b7c2a4bd5fe835b6d6e9244b03957149095f9';

test('TestGenerateRandomID: 64 digits, never a number in front', () => {
  for (let i = 0; i < 100; i++) {
    const made = generateRandomId();
    expect(validateImageId(made)).toBe(made);
    expect(made).not.toMatch(/^[0-9]{12}/);
  }
});
test('TestShortenId', () => expect(truncateId(id)).toBe('d35d09b08ee7'));
test('TestShortenIdEmpty', () => expect(truncateId('')).toBe(''));
test('TestShortenIdInvalid', () => expect(truncateId('1234')).toBe('1234'));
test('TestIsShortIDNonHex', () => expect(isShortId('some non-hex value')).toBe(false));
test('TestIsShortIDNotCorrectSize', () => {
  expect(isShortId('a'.repeat(13))).toBe(false);
  expect(isShortId('a'.repeat(11))).toBe(false);
  expect(isShortId('a'.repeat(12))).toBe(true);
});

describe('an id that could leave its directory is refused', () => {
  const hostile = [
    '',
    '.',
    '..',
    '../../etc',
    '_tmp',
    'a:b',
    id.slice(1),
    `${id}0`,
    id.toUpperCase(),
    `${id}\n`,
    `${id.slice(1)}\n`,
    `${id}\0`,
  ];
  test.each(hostile)('%j', (text) => {
    expect(() => validateImageId(text)).toThrow(expect.objectContaining({ code: 'INVALID_ID' }));
  });
});
