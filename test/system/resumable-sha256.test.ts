import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { bindResumableSha256 } from '../../src/system/resumable-sha256.ts';
import { openSystem } from '../../src/system/select.ts';

const { kind, sha256 } = openSystem();
const available = sha256 !== null;
if (!available) console.log(`skipped: no resumable SHA-256 with ${kind} calls`);

const BYTES = Buffer.alloc(10_000, 'abcdefg');
const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

test('is there wherever direct calls are', () => expect(available).toBe(kind === 'linux'));

describe.skipIf(!available)('SHA-256 that goes on elsewhere', () => {
  test('from the state after any number of blocks', () => {
    for (const cut of [0, 64, 128, 6400, 9984]) {
      const first = sha256!.start();
      first.update(BYTES.subarray(0, cut));
      const state = first.state();
      expect(state).toHaveLength(32);
      const second = sha256!.resume(state, cut);
      second.update(BYTES.subarray(cut));
      expect(second.digest().toString('hex')).toBe(hashOf(BYTES));
      first.update(BYTES.subarray(cut));
      expect(first.digest().toString('hex')).toBe(hashOf(BYTES));
    }
  });

  test('from what was saved after any number of bytes, more than once', () => {
    const first = sha256!.start();
    first.update(BYTES.subarray(0, 777));
    const saved = first.save();
    for (const end of [777, 778, 10_000]) {
      const second = sha256!.restore(saved);
      second.update(BYTES.subarray(777, end));
      expect(second.digest().toString('hex')).toBe(hashOf(BYTES.subarray(0, end)));
    }
  });

  test('in a thread for files, piece by piece', async () => {
    const running = sha256!.start();
    await running.updateAside(BYTES.subarray(0, 5000));
    await running.updateAside(BYTES.subarray(5000, 9000));
    running.update(BYTES.subarray(9000));
    expect(running.digest().toString('hex')).toBe(hashOf(BYTES));
  });

  test('the state at the start is the one of FIPS 180-4, and sizes beyond 4 GiB are kept', () => {
    const state = sha256!.start().state();
    expect(state.subarray(0, 8).toString('hex')).toBe('6a09e667bb67ae85');
    const once = sha256!.resume(state, 2 ** 32).digest();
    expect(once.equals(sha256!.resume(state, 2 ** 33).digest())).toBe(false);
    expect(once.equals(sha256!.resume(state, 0).digest())).toBe(false);
  });
});

test('is not to be had from a library that does something else, or has no such functions', () => {
  const odd = (answer: () => number) =>
    ({ func: () => answer }) as unknown as Parameters<typeof bindResumableSha256>[0];
  expect(bindResumableSha256(odd(() => 1))).toBeNull();
  const none = {
    func: () => {
      throw new Error('no such symbol');
    },
  } as unknown as Parameters<typeof bindResumableSha256>[0];
  expect(bindResumableSha256(none)).toBeNull();
});
