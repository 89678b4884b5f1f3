import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256Digest } from '../../../src/identity/digest.ts';
import type { Pour } from '../../../src/image/pending-blob.ts';
import { codeOf } from '../../support/code-of.ts';
import { seeded } from '../../support/random.ts';
import { openRegistryLab, passingSha256, type RegistryLab } from '../../support/registry-lab.ts';
import type { Fault, RequestMatch, ScriptedOptions } from '../../support/scripted-registry.ts';

const BYTES = seeded(3).bytes(3_000_000);
const SIZE = BYTES.length;
const digest = sha256Digest(BYTES);

const ways: [string, typeof passingSha256][] = [['that the registry checks', null]];
if (passingSha256 !== null) ways.push(['that is hashed as it passes', passingSha256]);

describe.each(ways)('a blob from registry to registry, %s', (_way, sha256) => {
  let from: RegistryLab;
  let to: RegistryLab;
  beforeEach(async () => {
    from = await openRegistryLab();
    from.registry.addBlob('team/app', BYTES);
  });
  afterEach(async () => {
    await from[Symbol.asyncDispose]();
    await to[Symbol.asyncDispose]();
  });

  const pour: Pour = (...range) => from.repository.pour({ digest, size: SIZE }, ...range);
  const bring = async (options: ScriptedOptions = {}, faults: [RequestMatch, Fault][] = []): Promise<number[]> => {
    to = await openRegistryLab({ ...options, client: { sha256 } });
    for (const [match, fault] of faults) to.registry.fail(match, fault);
    const told: number[] = [];
    const onProgress = (bytes: number): void => void told.push(bytes);
    await to.repository.upload({ digest, size: SIZE, pour }, { verify: true, onProgress });
    return told;
  };
  const arrived = (): boolean | undefined => to.registry.blobs.get(`team/app@${digest}`)?.equals(BYTES);
  const ranges = (): unknown[] => from.registry.requests('GET', /blobs/).map(({ headers }) => headers.range);

  it('passes through in one request each', async () => {
    const told = await bring();
    expect([arrived(), told.at(-1), ranges()]).toEqual([true, SIZE, [undefined]]);
    expect(to.registry.seen.map(({ method }) => method)).toEqual(['POST', 'PUT']);
  });

  it.each<[string, Fault]>([
    ['breaks at once', { is: 'cut', after: 0 }],
    ['breaks early', { is: 'cut', after: 1000 }],
    ['breaks in the middle', { is: 'cut', after: 1_500_000 }],
    ['answers another range', { is: 'otherRange', start: 7 }],
    ['has too much to do', { is: 'status', status: 503 }],
    ['counts requests', { is: 'status', status: 429, headers: { 'Retry-After': '1' } }],
  ])('goes on when its source %s', async (_what, fault) => {
    if (fault.is === 'otherRange') from.registry.fail({ method: 'GET', path: /blobs/ }, { is: 'cut', after: 9 });
    from.registry.fail({ method: 'GET', path: /blobs/ }, fault);
    await bring();
    expect(arrived()).toBe(true);
    // The destination is not to blame, and notices nothing.
    expect(to.registry.seen.map(({ method }) => method)).toEqual(['POST', 'PUT']);
  });

  it.each<[string, RequestMatch, Fault]>([
    ['breaks at once', { method: 'PUT' }, { is: 'cut', after: 0 }],
    ['breaks in the middle', { method: 'PUT' }, { is: 'cut', after: 1_500_000 }],
    ['has too much to do', { method: 'PUT' }, { is: 'status', status: 503 }],
    ['loses it', { method: 'PUT' }, { is: 'loseUpload' }],
  ])('goes on when its destination %s', async (_what, match, fault) => {
    await bring({}, [[match, fault]]);
    expect(arrived()).toBe(true);
  });

  it('goes in chunks, each a range of its source', async () => {
    await bring({ maxBody: 1_600_000 });
    expect(arrived()).toBe(true);
    expect(ranges().slice(-2)).toEqual(['bytes=0-1499999', 'bytes=1500000-2999999']);
  });

  it('goes on with a source that knows no ranges', async () => {
    from.registry.fail({ method: 'GET', path: /blobs/ }, { is: 'ignoreRange' }, 9);
    await bring({ maxBody: 1_600_000 });
    expect(arrived()).toBe(true);
  });

  it('ends in an error when it is not there, and nothing arrives', async () => {
    from.registry.blobs.clear();
    expect(await codeOf(bring())).toBe('BLOB_MISSING');
    expect(to.registry.blobs.size).toBe(0);
  });

  it('ends in an error when it is not what was said, and nothing arrives', async () => {
    const wrong = Buffer.from(BYTES);
    wrong[SIZE - 1]! ^= 1;
    from.registry.blobs.set(`team/app@${digest}`, wrong);
    expect(await codeOf(bring())).toBe(sha256 === null ? 'REGISTRY_REFUSED' : 'DIGEST_MISMATCH');
    from.registry.blobs.set(`team/app@${digest}`, BYTES.subarray(1));
    await to[Symbol.asyncDispose]();
    expect(await codeOf(bring())).toBe('SIZE_MISMATCH');
    expect(to.registry.blobs.size).toBe(0);
  });

  it('stops when it is cancelled', async () => {
    to = await openRegistryLab({ client: { sha256 } });
    const stop = new AbortController();
    const stopping: Pour = (start, end, take, signal) =>
      pour(
        start,
        end,
        async (chunk) => {
          stop.abort();
          await take(chunk);
        },
        signal,
      );
    const sending = to.repository.upload({ digest, size: SIZE, pour: stopping }, { verify: true, signal: stop.signal });
    expect(await codeOf(sending)).toBe('CANCELLED');
    expect(to.registry.blobs.size).toBe(0);
  });
});
