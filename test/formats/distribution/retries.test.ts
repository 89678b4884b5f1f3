import { describe, expect, it } from 'vitest';
import { RequestPace } from '../../../src/formats/distribution/request-pace.ts';
import { HostGate } from '../../../src/formats/distribution/host-gate.ts';
import { retryAfterMs } from '../../../src/formats/distribution/retry-after.ts';
import { OCI_MANIFEST } from '../../../src/image/media-types.ts';
import { codeOf } from '../../support/code-of.ts';
import { openRegistryLab, TestClock } from '../../support/registry-lab.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const RAW = Buffer.from('{"schemaVersion":2}');

describe('Retry-After', () => {
  it.each<[string | undefined, number | null]>([
    ['0', 0],
    ['7', 7000],
    [' 1.5 ', 1500],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['-5', null],
    ['soon', null],
    ['Someday, maybe', null],
    ['99999999999999', null],
    ['', null],
    [undefined, null],
  ])('%j asks for %j ms', (header, expected) => {
    expect(retryAfterMs(header, NOW)).toBe(expected);
  });
});

describe('what may pass', () => {
  it.each<[number, Record<string, string>, number]>([
    [429, { 'Retry-After': '7' }, 7000],
    [429, { 'Retry-After': 'Wed, 31 Dec 2025 00:00:00 GMT' }, 0],
    [429, { 'Retry-After': 'garbage' }, 375],
    [503, { 'Retry-After': '2' }, 2000],
    [500, {}, 375],
    [408, {}, 375],
  ])('is tried again: %i with %j waits %i ms', async (status, headers, wait) => {
    await using lab = await openRegistryLab();
    lab.registry.addManifest('team/app', 'v1', RAW, OCI_MANIFEST);
    lab.registry.fail({}, { is: 'status', status, headers });
    expect((await lab.repository.manifest('v1'))?.raw).toEqual(RAW);
    expect(lab.clock.waits[0] ?? 0).toBe(wait);
    expect(lab.notices).toHaveLength(wait > 5000 ? 1 : 0);
  });

  it.each<[number, string]>([
    [429, 'REGISTRY_RATE_LIMITED'],
    [502, 'REGISTRY_UNAVAILABLE'],
  ])('and does not is %i: %s', async (status, code) => {
    await using lab = await openRegistryLab({ client: { retryTimes: 2 } });
    lab.registry.fail({}, { is: 'status', status }, 100);
    expect(await codeOf(lab.repository.manifest('v1'))).toBe(code);
    expect(lab.registry.seen).toHaveLength(3);
  });

  it.each([400, 404, 451, 501])('is not a %i', async (status) => {
    await using lab = await openRegistryLab();
    lab.registry.fail({}, { is: 'status', status }, 100);
    expect(await codeOf(lab.repository.putManifest('v1', RAW, OCI_MANIFEST))).toBe('REGISTRY_REFUSED');
    expect(lab.registry.seen).toHaveLength(1);
  });

  it('in hours is left to another run', async () => {
    await using lab = await openRegistryLab();
    lab.registry.fail({}, { is: 'status', status: 429, headers: { 'Retry-After': '21600' } });
    const error = await lab.repository.manifest('v1').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'REGISTRY_RATE_LIMITED', details: { retryAfterSec: 21_600 } });
    expect(lab.clock.waits).toEqual([]);
  });

  it('is nothing when nobody listens, in the end', async () => {
    await using lab = await openRegistryLab();
    await lab.registry.close();
    expect(await codeOf(lab.repository.manifest('v1'))).toBe('REGISTRY_UNREACHABLE');
    expect(lab.clock.waits).toHaveLength(5);
  });

  it('ends when it is cancelled', async () => {
    const controller = new AbortController();
    await using lab = await openRegistryLab({ client: { signal: controller.signal } });
    lab.registry.fail({}, { is: 'stall', after: 0 }, 100);
    lab.registry.addManifest('team/app', 'v1', RAW, OCI_MANIFEST);
    setTimeout(() => controller.abort(), 50);
    expect(await codeOf(lab.repository.manifest('v1'))).toBe('CANCELLED');
    expect(await codeOf(lab.repository.manifest('v1'))).toBe('CANCELLED');
  });
});

describe('the pulls that are left', () => {
  it('are told when they become few, and waited for when there are none', async () => {
    await using lab = await openRegistryLab();
    lab.registry.addManifest('team/app', 'v1', RAW, OCI_MANIFEST);
    const left = (remaining: number, more: Record<string, string> = {}): void =>
      lab.registry.fail(
        {},
        {
          is: 'headers',
          headers: { 'RateLimit-Limit': '100;w=21600', 'RateLimit-Remaining': `${remaining};w=21600`, ...more },
        },
      );
    for (const remaining of [50, 9, 8, 60]) left(remaining);
    left(0, { 'RateLimit-Reset': '40' });
    for (let count = 0; count < 6; count++) await lab.repository.manifest('v1');
    expect(lab.notices).toEqual([expect.stringContaining('9 more pulls of 100'), expect.stringContaining('0 more')]);
    expect(lab.clock.waits).toEqual([expect.closeTo(40_000, -3)]);
  });
});

describe('the requests that a host gets in a second', () => {
  it('are spread over it, for each host by itself', async () => {
    const clock = new TestClock();
    const pace = new RequestPace(20, clock);
    await pace.turn('one', undefined);
    await pace.turn('two', undefined);
    expect(clock.waits).toEqual([]);
    for (let count = 0; count < 3; count++) await pace.turn('one', undefined);
    expect(clock.waits).toEqual([1, 2, 3].map(() => expect.closeTo(50, -1)));
    clock.advance(10_000);
    await pace.turn('one', undefined);
    expect(clock.waits).toHaveLength(3);
  });

  it('end when they are cancelled while they wait', async () => {
    const pace = new RequestPace(1);
    await pace.turn('one', undefined);
    expect(await codeOf(pace.turn('one', AbortSignal.timeout(10)))).toBe('CANCELLED');
  });

  it('count every one that reaches the registry, and no other', async () => {
    const clock = new TestClock();
    const auth = { kind: 'bearer', user: 'ada', password: 'lovelace' } as const;
    await using lab = await openRegistryLab({
      auth,
      credentials: { username: auth.user, password: auth.password },
      client: { clock, pace: new RequestPace(10, clock) },
    });
    lab.registry.addManifest('team/app', 'v1', Buffer.from('{}'), 'application/vnd.oci.image.manifest.v1+json');
    await Promise.all([1, 2, 3].map(() => lab.repository.headManifest('v1')));
    const sent = lab.registry.seen.filter(({ url }) => url.startsWith('/v2/'));
    expect(clock.waits.length).toBeGreaterThanOrEqual(sent.length - 2);
  });
});

describe('the requests that a host gets at once', () => {
  it('are halved once by those that were on their way together, and climb again', async () => {
    const gate = new HostGate(new TestClock());
    const turns = await Promise.all([1, 2, 3, 4, 5, 6].map(() => gate.enter(undefined)));
    for (const turn of turns) gate.leave(turn, 'overload');
    expect(gate.limit).toBe(3);
    for (let count = 0; count < 24; count++) gate.leave(await gate.enter(undefined), 'good');
    expect(gate.limit).toBe(5);
    for (let count = 0; count < 9; count++) gate.leave(await gate.enter(undefined), 'overload');
    expect(gate.limit).toBe(1);
  });

  it('wait for their turn, and leave the queue when they are cancelled', async () => {
    const gate = new HostGate(new TestClock());
    const turns = await Promise.all([1, 2, 3, 4, 5, 6].map(() => gate.enter(undefined)));
    const controller = new AbortController();
    const gone = gate.enter(controller.signal);
    const next = gate.enter(undefined);
    controller.abort();
    expect(await codeOf(gone)).toBe('CANCELLED');
    gate.leave(turns[0]!, 'good');
    expect(await next).toBe(6);
  });
});

describe('closing', () => {
  it('ends what is on its way', async () => {
    await using lab = await openRegistryLab();
    lab.registry.addManifest('team/app', 'v1', RAW, OCI_MANIFEST);
    lab.registry.fail({}, { is: 'stall', after: 0 }, 100);
    const code = codeOf(lab.repository.manifest('v1'));
    setTimeout(() => void lab.registries.close(), 50);
    expect(await code).toBe('CANCELLED');
    expect(lab.registry.seen).toHaveLength(1);
  });
});
