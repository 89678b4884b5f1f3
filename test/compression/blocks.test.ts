import { expect, test } from 'vitest';
import { blocks } from '../../src/compression/blocks.ts';
import { chunksOf, sample } from '../support/packed.ts';

test('blocks have their size, whatever the chunks', () => {
  const bytes = sample(103);
  for (const size of [1, 3, 9, 10, 11, 25, 103]) {
    const found: Buffer[] = [];
    const cut = blocks(10, (block) => found.push(Buffer.from(block)));
    for (const chunk of chunksOf(bytes, size)) cut.write(chunk);
    cut.end();
    expect(found).toEqual(chunksOf(bytes, 10));
  }
});

test('nothing makes no block, and a full one is not followed by an empty one', () => {
  const sizes: number[] = [];
  const cut = blocks(4, (block) => sizes.push(block.length));
  cut.write(Buffer.alloc(0));
  cut.end();
  expect(sizes).toEqual([]);
  cut.write(Buffer.alloc(8));
  cut.end();
  cut.end();
  expect(sizes).toEqual([4, 4]);
});

test('a block that is whole in a chunk is not copied', () => {
  const chunk = Buffer.alloc(16);
  let found: Buffer | undefined;
  blocks(8, (block) => (found = block)).write(chunk);
  expect(found?.buffer).toBe(chunk.buffer);
});
