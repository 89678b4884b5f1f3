import { existsSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256Digest } from '../../../src/identity/digest.ts';
import { codeOf } from '../../support/code-of.ts';
import { openRegistryLab, passingSha256, type RegistryLab } from '../../support/registry-lab.ts';
import { seeded } from '../../support/random.ts';
import type { Fault } from '../../support/scripted-registry.ts';

const BYTES = seeded(1).bytes(3_000_000);
const SIZE = BYTES.length;

const ways: [string, typeof passingSha256][] = [['hashed afterwards', null]];
if (passingSha256 !== null) ways.push(['hashed as it comes', passingSha256]);

describe.each(ways)('a download, %s', (_way, sha256) => {
  let lab: RegistryLab;
  beforeEach(async () => (lab = await openRegistryLab({ client: { sha256 } })));
  afterEach(() => lab[Symbol.asyncDispose]());

  const digest = sha256Digest(BYTES);
  const get = { method: 'GET', path: /blobs/ };
  const fetched = async (to = lab.path()): Promise<Buffer> => {
    await lab.repository.download({ digest, size: SIZE }, to);
    return readFileSync(to);
  };
  const failed = async (blob: { digest: typeof digest; size: number } = { digest, size: SIZE }): Promise<unknown> => {
    const to = lab.path();
    const code = await codeOf(lab.repository.download(blob, to));
    expect(existsSync(to)).toBe(false);
    return code;
  };
  const ranges = (): unknown[] => lab.registry.requests('GET', /blobs/).map(({ headers }) => headers.range);

  beforeEach(() => void lab.registry.addBlob('team/app', BYTES));

  it('writes the bytes into a new file and tells how many have come', async () => {
    const told: number[] = [];
    const to = lab.path();
    await lab.repository.download({ digest, size: SIZE }, to, { onProgress: (bytes) => told.push(bytes) });
    expect(readFileSync(to).equals(BYTES)).toBe(true);
    expect([told.at(-1), told.toSorted((a, b) => a - b)]).toEqual([SIZE, told]);
    expect(await codeOf(lab.repository.download({ digest, size: SIZE }, to))).toBe('EEXIST');
    expect(readFileSync(to)).toHaveLength(SIZE);
  });

  it('of nothing is an empty file', async () => {
    const empty = lab.registry.addBlob('team/app', Buffer.alloc(0));
    const to = lab.path();
    await lab.repository.download({ digest: empty, size: 0 }, to);
    expect(readFileSync(to)).toHaveLength(0);
  });

  it.each([0, 1, 600_000, 1_048_577, SIZE - 1])('goes on where it was cut, after %i bytes', async (after) => {
    lab.registry.fail(get, { is: 'cut', after });
    expect((await fetched()).equals(BYTES)).toBe(true);
    // One byte may be lost with the connection that brought it.
    expect(ranges()).toHaveLength(2);
    expect(String(ranges()[1])).toMatch(after > 1 ? `bytes=${after}-` : /^undefined$|^bytes=1-$/);
  });

  it('survives more cuts than it has attempts when each brings it on', async () => {
    lab.registry.fail(get, { is: 'cut', after: 200_000 }, 14);
    expect((await fetched()).equals(BYTES)).toBe(true);
    expect(ranges()).toHaveLength(15);
  });

  it('gives up when nothing comes', async () => {
    lab.registry.fail(get, { is: 'cut', after: 0 }, 100);
    expect(await failed()).toBe('REGISTRY_UNREACHABLE');
    expect(lab.clock.waits).toEqual([375, 750, 1500, 3000, 6000]);
  });

  it.each<[string, Fault]>([
    ['the whole is sent for a range', { is: 'ignoreRange' }],
    ['another range is sent', { is: 'otherRange', start: 100 }],
    ['the range is not known', { is: 'status', status: 416 }],
    ['the blob is another one by its ETag', { is: 'headers', headers: { ETag: '"other"' } }],
    ['the range says nothing', { is: 'headers', headers: { 'Content-Range': 'bytes' } }],
  ])('starts again where %s', async (_what, fault) => {
    lab.registry.fail(get, { is: 'cut', after: 1_000_000 });
    lab.registry.fail(get, fault);
    expect((await fetched()).equals(BYTES)).toBe(true);
  });

  it('is fetched once more in one piece when two halves do not fit', async () => {
    lab.registry.fail(get, { is: 'cut', after: 1_000_000 });
    lab.registry.fail(get, { is: 'bytes', bytes: seeded(2).bytes(SIZE) });
    expect((await fetched()).equals(BYTES)).toBe(true);
    expect(ranges()).toEqual([undefined, 'bytes=1000000-', undefined]);
  });

  it.each<[string, Fault, string]>([
    ['has other bytes', { is: 'bytes', bytes: seeded(2).bytes(SIZE) }, 'DIGEST_MISMATCH'],
    ['is too long', { is: 'bytes', bytes: Buffer.concat([BYTES, BYTES]) }, 'SIZE_MISMATCH'],
    ['is too short', { is: 'bytes', bytes: BYTES.subarray(1) }, 'SIZE_MISMATCH'],
    ['is not there', { is: 'status', status: 404 }, 'BLOB_MISSING'],
    ['is forbidden', { is: 'status', status: 403 }, 'REGISTRY_UNAUTHORIZED'],
  ])('leaves no file when the blob %s', async (_what, fault, code) => {
    lab.registry.fail(get, fault);
    expect(await failed()).toBe(code);
    expect(ranges()).toHaveLength(1);
  });

  it('is cut off when more comes than was promised, without a length', async () => {
    lab.registry.fail(get, { is: 'headers', headers: { 'Content-Length': '' } });
    expect(await failed({ digest, size: 1000 })).toBe('SIZE_MISMATCH');
  });

  it('is as it was stored, whatever it is said to be packed with', async () => {
    lab.registry.fail(get, { is: 'headers', headers: { 'Content-Encoding': 'gzip' } });
    expect((await fetched()).equals(BYTES)).toBe(true);
  });

  it.each([0, 1])('goes on when a connection only drips, %i bytes at a time', async (drip) => {
    lab.registry.fail(get, { is: 'stall', after: 500_000, drip });
    expect((await fetched()).equals(BYTES)).toBe(true);
    expect(ranges()).toEqual([undefined, expect.stringMatching(/^bytes=\d+-$/)]);
  });

  it('stops when it is cancelled', async () => {
    lab.registry.fail(get, { is: 'stall', after: 500_000 }, 10);
    const controller = new AbortController();
    const to = lab.path();
    const options = { signal: controller.signal, onProgress: (): void => controller.abort() };
    expect(await codeOf(lab.repository.download({ digest, size: SIZE }, to, options))).toBe('CANCELLED');
    expect(existsSync(to)).toBe(false);
  });
});
