import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { resultOf } from '../support/cli-lab.ts';

const USER = fileURLToPath(new URL('../support/packages/own-driver.mjs', import.meta.url));

/** The counts at the end of what Node's test runner prints. */
async function runSuite(env: Record<string, string>): Promise<{ code: number | null; pass: number; failed: string[] }> {
  const args = ['--test', '--test-reporter=tap', USER];
  const { code, stdout } = await resultOf(spawn(process.execPath, args, { env: { ...process.env, ...env } }));
  const text = stdout.toString();
  const pass = Number(/^# pass (\d+)$/m.exec(text)?.[1]);
  return { code, pass, failed: [...text.matchAll(/^ {4,8}not ok \d+ - (.*)$/gm)].map((line) => line[1]!) };
}

describe('the driver suite of the package', () => {
  it('passes for a driver of somebody else, under another test runner', async () => {
    const { code, pass, failed } = await runSuite({ BROKEN: '' });
    expect(failed).toEqual([]);
    expect(code).toBe(0);
    expect(pass).toBeGreaterThan(20);
  });

  it('fails for one that does not remove', async () => {
    const { code, failed } = await runSuite({ BROKEN: '1' });
    expect(code).toBe(1);
    expect(failed).toContain('removes a layer, and does not mind one that is not there');
  });
});
