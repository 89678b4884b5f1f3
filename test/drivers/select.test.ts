import { describe, expect, it } from 'vitest';
import { DRIVER_NAMES, openDriver } from '../../src/drivers/registry.ts';
import { defaultDriver } from '../../src/drivers/select.ts';
import { inlinePool } from '../support/test-store.ts';

describe('the driver of a new store', () => {
  it.each([
    ['linux', '5.8.0', 'overlay2'],
    ['linux', '5.10.0-28-amd64', 'overlay2'],
    ['linux', '6.1.0', 'overlay2'],
    ['linux', '10.0', 'overlay2'],
    ['linux', '5.7.19', 'vfs'],
    ['linux', '4.19.0', 'vfs'],
    ['linux', 'unknown', 'vfs'],
    ['darwin', '23.1.0', 'vfs'],
  ])('on %s %s is %s', (platform, kernel, expected) => {
    expect(defaultDriver(platform, kernel)).toBe(expected);
    expect(DRIVER_NAMES).toContain(expected);
  });
});

describe('openDriver', () => {
  it.each(['aufs', '', 'toString', '__proto__'])('refuses %j and says which drivers there are', async (name) => {
    const pool = inlinePool();
    await expect(openDriver(name, { home: '/nowhere', pool, readOnly: true })).rejects.toMatchObject({
      code: 'DRIVER_UNKNOWN',
      details: { driver: name, known: ['overlay2', 'vfs'] },
    });
    await pool.close();
  });
});
