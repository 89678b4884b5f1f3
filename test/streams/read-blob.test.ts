import { appendFileSync, mkdtempSync, utimesSync, writeFileSync, linkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readBlob } from '../../src/streams/read-blob.ts';

const dir = mkdtempSync(join(tmpdir(), 'layermill-blob-'));
afterAll(() => rm(dir, { recursive: true }));

const path = join(dir, 'blob');
const read = (blob: Parameters<typeof readBlob>[0], during = (): void => {}) => {
  const chunks: Buffer[] = [];
  const state = readBlob(blob, (chunk) => {
    chunks.push(Buffer.from(chunk));
    during();
  });
  return { text: Buffer.concat(chunks).toString(), state };
};

describe('readBlob', () => {
  it('reads a whole file, or a range of it', () => {
    writeFileSync(path, 'before-layer-after');
    expect(read({ path }).text).toBe('before-layer-after');
    expect(read({ path, offset: 7, length: 5, size: 5 }).text).toBe('layer');
    expect(read({ path, offset: 13 }).text).toBe('after');
  });

  it('refuses a range and a size that the file does not have', () => {
    writeFileSync(path, '0123456789');
    expect(() => read({ path, offset: 8, length: 5 })).toThrow(
      expect.objectContaining({ code: 'SIZE_MISMATCH', details: { what: path, expected: 5, actual: 2 } }),
    );
    expect(() => read({ path, size: 9 })).toThrow(expect.objectContaining({ code: 'SIZE_MISMATCH' }));
    expect(() => read({ path: dir })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('notices a file that is written to meanwhile', () => {
    writeFileSync(path, 'one');
    expect(() => read({ path }, () => appendFileSync(path, 'more'))).toThrow(
      expect.objectContaining({ code: 'SOURCE_CHANGED', details: { path } }),
    );
    expect(() => read({ path }, () => utimesSync(path, 1, 1))).toThrow(
      expect.objectContaining({ code: 'SOURCE_CHANGED' }),
    );
  });

  it('says the same of a file twice, and something else when it was replaced', () => {
    writeFileSync(path, 'same');
    utimesSync(path, 5, 5);
    const { state } = read({ path });
    linkSync(path, join(dir, 'other name'));
    expect(read({ path }).state).toBe(state);
    writeFileSync(path, 'SAME');
    expect(read({ path }).state).not.toBe(state);
  });
});
