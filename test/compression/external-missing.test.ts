import type * as Fs from 'node:fs';
import { expect, test, vi } from 'vitest';
import { unpackWithProgram } from '../../src/compression/external.ts';
import { NO_LIMITS } from '../support/packed.ts';

vi.mock('node:fs', async (original) => ({
  ...(await original<typeof Fs>()),
  accessSync: () => {
    throw new Error('not here');
  },
}));

test.each([
  ['xz', 'xz-utils'],
  ['bzip2', 'bzip2'],
] as const)('a machine without %s is told which package has it', async (compression, name) => {
  const work = { blob: { path: '/none' }, compression, to: '/none/either', limits: NO_LIMITS };
  await expect(unpackWithProgram(work)).rejects.toMatchObject({
    code: 'PROGRAM_MISSING',
    details: { program: compression, package: name },
  });
});
