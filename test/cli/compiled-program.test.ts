import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInThisContext } from 'node:vm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CliLab } from '../support/cli-lab.ts';

let lab: CliLab;
let code: string;
beforeEach(() => {
  lab = new CliLab();
  code = join(lab.cache, 'layermill/code');
});
afterEach(() => lab[Symbol.asyncDispose]());

const env = { NODE_DISABLE_COMPILE_CACHE: '' };
const images = async (): Promise<void> => {
  const { code: exit, stdout, stderr } = await lab.runWith({ env }, 'images', '--json');
  expect([exit, stdout.toString(), stderr]).toEqual([0, '[]\n', '']);
};
/** The only file, and when it was written. */
const kept = (): { path: string; written: bigint; bytes: number } => {
  const names = readdirSync(code);
  expect(names).toHaveLength(1);
  const path = join(code, names[0]!);
  const { mtimeNs, size } = statSync(path, { bigint: true });
  return { path, written: mtimeNs, bytes: Number(size) };
};

it('keeps what was compiled for a verb, and takes it the next time', async () => {
  await images();
  const first = kept();
  expect(first.path).toMatch(/\/images-[^/]+$/);
  expect(first.bytes).toBeGreaterThan(100_000);
  expect(statSync(code).mode & 0o777).toBe(0o700);
  await images();
  // Written again it would be if it had not been taken.
  expect(kept()).toEqual(first);
  await lab.runWith({ env }, 'heads');
  expect(readdirSync(code)).toHaveLength(2);
});

it('keeps nothing of a command that failed, nor when told not to', async () => {
  expect((await lab.runWith({ env }, 'inspect', 'nothing')).code).toBe(2);
  expect((await lab.run('images')).code).toBe(0);
  expect(existsSync(code)).toBe(false);
});

it.each([
  ['is damaged', (file: Buffer) => Buffer.from(file.map((byte, i) => (i === 5000 ? byte ^ 1 : byte)))],
  ['is cut off', (file: Buffer) => file.subarray(0, 3)],
])('does without code that %s, and replaces it', async (_what, spoil) => {
  await images();
  const { path } = kept();
  const good = readFileSync(path);
  writeFileSync(path, spoil(good));
  await images();
  expect(readFileSync(path).length).toBe(kept().bytes);
  expect(kept().bytes).toBeGreaterThan(100_000);
});

it('takes no code from where others may write, and puts none there', async () => {
  await images();
  const first = kept();
  chmodSync(code, 0o777);
  writeFileSync(first.path, 'not what V8 made');
  await images();
  expect(readFileSync(first.path, 'utf8')).toBe('not what V8 made');
});

it('removes what another version kept', async () => {
  mkdirSync(code, { recursive: true });
  writeFileSync(join(code, 'images-0123456789abcdef-1.2.3-x64'), 'old');
  await images();
  expect(kept().path).not.toContain('0123456789abcdef');
});

it('works where nothing can be kept', async () => {
  writeFileSync(lab.cache, 'a file');
  await images();
  expect(readFileSync(lab.cache, 'utf8')).toBe('a file');
});

it('is as strict as the modules that it is made of', () => {
  const bundle = readFileSync(new URL('../../dist/src/cli/program.cjs', import.meta.url), 'latin1');
  const run = runInThisContext(`(function(){${bundle.slice(0, bundle.indexOf(';') + 1)}return this})`) as () => unknown;
  expect(run()).toBeUndefined();
});

const asRoot = process.getuid?.() === 0;
if (!asRoot) console.log('skipped: a user without a home directory, who only root can be');

it.skipIf(!asRoot)('works for a user without a home directory', () => {
  // Where such a user can read it.
  const copy = lab.path('package');
  const files = ['package.json', 'dist/src/cli/main.js', 'dist/src/cli/program.cjs'];
  for (const file of files) cpSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), join(copy, file));
  chmodSync(lab.dir, 0o755);
  // Nobody has this id; HOME and XDG_CACHE_HOME are not set.
  const options = { uid: 54321, gid: 54321, env: { PATH: process.env['PATH'] ?? '' }, encoding: 'utf8' } as const;
  const said = spawnSync(process.execPath, [join(copy, files[1]!), '--version'], options);
  expect([said.status, said.stderr]).toEqual([0, '']);
  expect(said.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});
