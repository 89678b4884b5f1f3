import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256Digest } from '../../../src/identity/digest.ts';
import { ScriptedRegistry } from '../../support/scripted-registry.ts';

const BYTES = Buffer.from('0123456789');

describe('the registry that tests speak to', () => {
  let registry: ScriptedRegistry;
  beforeEach(async () => (registry = await ScriptedRegistry.open({ maxBody: 5 })));
  afterEach(() => registry.close());

  const get = (path: string, init?: RequestInit): Promise<Response> => fetch(`${registry.origin}/v2/a/b/${path}`, init);

  it('has blobs in whole and in ranges, and fails as often as it is told to', async () => {
    const digest = registry.addBlob('a/b', BYTES);
    const ranged = { headers: { range: 'bytes=4-' } };
    registry.fail({ path: /blobs/ }, { is: 'status', status: 503 });
    registry.fail({ path: /blobs/ }, { is: 'otherRange', start: 6 });
    expect((await get(`blobs/${digest}`)).status).toBe(503);
    expect(await (await get(`blobs/${digest}`, ranged)).text()).toBe('6789');
    expect(await (await get(`blobs/${digest}`, ranged)).text()).toBe('456789');
    expect(registry.requests('GET', /blobs/)).toHaveLength(3);
  });

  it('takes uploads in chunks and refuses large ones', async () => {
    const start = await get('blobs/uploads/', { method: 'POST' });
    const location = `${registry.origin}${start.headers.get('location')}`;
    const patch = (body: string): Promise<Response> => fetch(location, { method: 'PATCH', body });
    expect((await patch('012345')).status).toBe(413);
    expect((await patch('01234')).headers.get('range')).toBe('0-4');
    await patch('56789');
    const digest = sha256Digest(BYTES);
    expect((await fetch(`${location}&digest=${digest}`, { method: 'PUT' })).status).toBe(201);
    expect(registry.blobs.get(`a/b@${digest}`)).toEqual(BYTES);
  });
});
