import { writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { sha256Digest } from '../../../src/identity/digest.ts';
import { codeOf } from '../../support/code-of.ts';
import { seeded } from '../../support/random.ts';
import { openRegistryLab, passingSha256, type RegistryLab } from '../../support/registry-lab.ts';
import type { Fault, ScriptedOptions } from '../../support/scripted-registry.ts';

const BYTES = seeded(1).bytes(1_000_000);
const digest = sha256Digest(BYTES);

/** Each with how it is proven, and what wrong bytes end in. */
const ways: [string, { verify: boolean; sha256: typeof passingSha256; wrong: string }][] = [
  ['that nobody proves', { verify: false, sha256: passingSha256, wrong: 'REGISTRY_REFUSED' }],
  ['proven by a task', { verify: true, sha256: null, wrong: 'DIGEST_MISMATCH' }],
];
if (passingSha256 !== null)
  ways.push(['proven as it goes', { verify: true, sha256: passingSha256, wrong: 'DIGEST_MISMATCH' }]);

describe.each(ways)('an upload %s', (_way, { verify, sha256, wrong }) => {
  let lab: RegistryLab;
  afterEach(() => lab[Symbol.asyncDispose]());

  const open = async (options: ScriptedOptions = {}): Promise<void> =>
    void (lab = await openRegistryLab({ ...options, client: { sha256 } }));
  const upload = (bytes = BYTES, onProgress?: (bytes: number) => void): Promise<void> => {
    const path = lab.path();
    // In the middle of a file, as a layer in an archive is.
    writeFileSync(path, Buffer.concat([Buffer.alloc(100), bytes, Buffer.alloc(50)]));
    const blob = { path, offset: 100, length: bytes.length, size: bytes.length, digest: sha256Digest(bytes) };
    return lab.repository.upload(blob, { onProgress, verify });
  };
  const stored = (of = digest): Buffer | undefined => lab.registry.blobs.get(`team/app@${of}`);
  const methods = (): string[] => lab.registry.seen.map(({ method }) => method);
  const chunks = (): unknown[] => lab.registry.requests('PATCH').map(({ headers }) => headers['content-range']);

  it('goes in one piece', async () => {
    await open();
    const told: number[] = [];
    await upload(BYTES, (bytes) => told.push(bytes));
    expect(stored()?.equals(BYTES)).toBe(true);
    expect(methods()).toEqual(['POST', 'PUT']);
    expect(lab.registry.requests('PUT')[0]!.headers['content-length']).toBe('1000000');
    expect(told.at(-1)).toBe(BYTES.length);
  });

  it('of nothing is one too', async () => {
    await open();
    await upload(Buffer.alloc(0));
    expect(stored(sha256Digest(''))).toHaveLength(0);
  });

  it('goes in chunks, as small as need be, where less is taken at once', async () => {
    await open({ maxBody: 300_000 });
    await upload();
    expect(stored()?.equals(BYTES)).toBe(true);
    expect(chunks()).toEqual(['0-499999', '0-249999', '250000-499999', '500000-749999', '750000-999999']);
  });

  it('heeds the least length of chunks', async () => {
    await open({ maxBody: 900_000, chunkMin: 700_000 });
    await upload();
    expect(chunks()).toEqual(['0-699999', '700000-999999']);
  });

  it('is given up where too little is taken at once', async () => {
    await open({ maxBody: 1000 });
    expect(await codeOf(upload())).toBe('REGISTRY_REFUSED');
    expect(stored()).toBeUndefined();
  });

  it('goes on in chunks where it was cut', async () => {
    await open();
    lab.registry.fail({ method: 'PUT' }, { is: 'cut', after: 400_000 });
    await upload();
    expect(stored()?.equals(BYTES)).toBe(true);
    expect(methods()).toEqual(['POST', 'PUT', 'GET', 'PATCH', 'PATCH', 'PUT']);
    expect(chunks()[0]).toMatch(/^400000-/);
  });

  it.each<[string, string, Fault]>([
    ['PATCH', 'is cut', { is: 'cut', after: 100_000 }],
    ['PATCH', 'gets a 503', { is: 'status', status: 503 }],
    ['PATCH', 'gets a 429', { is: 'status', status: 429, headers: { 'Retry-After': '3' } }],
    ['PATCH', 'is of a lost session', { is: 'loseUpload' }],
    ['PATCH', 'is not the range wanted', { is: 'status', status: 416 }],
    ['PATCH', 'is kept in part', { is: 'headers', headers: { Range: '0-7' } }],
    ['PUT', 'gets a 500', { is: 'status', status: 500 }],
    ['PUT', 'is of a lost session', { is: 'loseUpload' }],
    ['GET', 'is of a lost session', { is: 'loseUpload' }],
  ])('in chunks goes on when a %s %s', async (method, _what, fault) => {
    await open({ maxBody: 300_000 });
    lab.registry.fail({ method: 'PUT' }, { is: 'status', status: 413 });
    if (method === 'GET') lab.registry.fail({ method: 'PATCH' }, { is: 'status', status: 503 });
    lab.registry.fail({ method }, fault);
    await upload();
    expect(stored()?.equals(BYTES)).toBe(true);
  });

  it('goes in chunks after its connection was broken off twice', async () => {
    await open();
    lab.registry.fail({ method: 'PUT' }, { is: 'cut', after: 0 }, 2);
    await upload();
    expect(stored()?.equals(BYTES)).toBe(true);
    expect(methods().filter((method) => method === 'PATCH')).toHaveLength(2);
  });

  it('that became something else between two connections starts again', async () => {
    await open();
    lab.registry.fail({ method: 'PUT' }, { is: 'cut', after: 400_000 });
    lab.registry.fail({ method: 'PUT' }, { is: 'status', status: 400 });
    await upload();
    expect(stored()?.equals(BYTES)).toBe(true);
  });

  it('whose bytes are not what was said is refused', async () => {
    await open();
    const path = lab.path();
    writeFileSync(path, BYTES.subarray(1));
    const size = BYTES.length - 1;
    expect(await codeOf(lab.repository.upload({ path, size, digest }, { verify }))).toBe(wrong);
    expect(stored()).toBeUndefined();
    expect(await codeOf(lab.repository.upload({ path, size: BYTES.length, digest }))).toBe('SIZE_MISMATCH');
  });

  it('goes on where another host takes it, which is not told who asks', async () => {
    await open();
    const other = await openRegistryLab();
    const start = await fetch(`${other.registry.origin}/v2/team/app/blobs/uploads/`, { method: 'POST' });
    const Location = `${other.registry.origin}${start.headers.get('location')}`;
    lab.registry.fail({ method: 'POST' }, { is: 'headers', headers: { Location } });
    await upload();
    expect(other.registry.blobs.get(`team/app@${digest}`)?.equals(BYTES)).toBe(true);
    await other[Symbol.asyncDispose]();
  });
});

describe('a mount', () => {
  it.each([true, false])('is done, or says that it is not: %s', async (mounts) => {
    await using lab = await openRegistryLab({ mounts });
    lab.registry.addBlob('library/base', BYTES);
    expect(await lab.repository.mount(digest, 'library/base')).toBe(mounts);
    expect(lab.registry.blobs.has(`team/app@${digest}`)).toBe(mounts);
    expect(lab.registry.requests('DELETE', /uploads/)).toHaveLength(mounts ? 0 : 1);
  });

  it('that nobody may do is none', async () => {
    await using lab = await openRegistryLab();
    lab.registry.fail({ method: 'POST' }, { is: 'status', status: 403 });
    expect(await lab.repository.mount(digest, 'library/base')).toBe(false);
  });
});
