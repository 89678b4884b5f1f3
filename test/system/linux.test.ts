import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { check, EAGAIN, ENODATA, ENOENT } from '../../src/system/errno.ts';
import { openLinuxSystem } from '../../src/system/linux.ts';
import { openSystem } from '../../src/system/select.ts';
import type { Dir, System } from '../../src/system/system.ts';
import { systemSuite } from '../suites/system.ts';

const available = openSystem().kind === 'linux';
if (!available) console.warn('skipped: direct system calls are not available here');

if (available) systemSuite('linux system', openLinuxSystem, true);

describe.skipIf(!available)('linux only', () => {
  let base: string;
  let system: System;
  let root: Dir;

  beforeEach(() => {
    base = fs.mkdtempSync(join(tmpdir(), 'linux-'));
    system = openLinuxSystem();
    root = check(system.openRoot(base), 'open');
  });
  afterEach(() => {
    system.closeDir(root);
    fs.rmSync(base, { recursive: true, force: true });
  });

  const supportsXattrs = (): boolean => system.setXattr(root, '', 'user.probe', Buffer.from('x')) === 0;

  describe('extended attributes', () => {
    const binary = Buffer.from([1, 0, 0, 2, 0xff, 0x3d, 0x0a, 0x00, 0x80]);

    test('values are bytes: NUL, newline, =, 0xff and nothing at all', (context) => {
      if (!supportsXattrs()) context.skip('this file system has no user attributes');
      system.close(system.createFile(root, 'f', 0o644));
      system.mkdir(root, 'd', 0o755);
      for (const name of ['f', 'd', '']) {
        expect(system.setXattr(root, name, 'user.binary', binary)).toBe(0);
        expect(system.setXattr(root, name, 'user.empty', Buffer.alloc(0))).toBe(0);
        expect(system.setXattr(root, name, 'user.__proto__', Buffer.from('p'))).toBe(0);
        expect(system.getXattr(root, name, 'user.binary')).toEqual(binary);
        expect(system.getXattr(root, name, 'user.empty')).toEqual(Buffer.alloc(0));
        expect(system.listXattrs(root, name)).toEqual(
          expect.arrayContaining(['user.binary', 'user.empty', 'user.__proto__']),
        );
        expect(system.removeXattr(root, name, 'user.binary')).toBe(0);
        expect(system.getXattr(root, name, 'user.binary')).toBe(-ENODATA);
      }
      expect(system.getXattr(root, 'none', 'user.x')).toBe(-ENOENT);
    });

    test('an answer stays what it was when the next one comes', (context) => {
      if (!supportsXattrs()) context.skip('this file system has no user attributes');
      system.setXattr(root, '', 'user.a', Buffer.from('first'));
      system.setXattr(root, '', 'user.b', Buffer.from('second'));
      const first = system.getXattr(root, '', 'user.a');
      system.getXattr(root, '', 'user.b');
      expect(first).toEqual(Buffer.from('first'));
    });

    test('of a link itself, never of its target', (context) => {
      if (process.getuid?.() !== 0) context.skip('only root can give a link attributes');
      fs.writeFileSync(join(base, 'target'), '');
      fs.symlinkSync('target', join(base, 'l'));
      const set = system.setXattr(root, 'l', 'trusted.t', binary);
      if (set < 0) context.skip('this file system has no trusted attributes on links');
      expect(system.getXattr(root, 'l', 'trusted.t')).toEqual(binary);
      expect(system.getXattr(root, 'target', 'trusted.t')).toBe(-ENODATA);
    });

    test('capabilities survive byte for byte', (context) => {
      if (process.getuid?.() !== 0) context.skip('only root can set capabilities');
      const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
      system.close(system.createFile(root, 'ping', 0o755));
      expect(system.setXattr(root, 'ping', 'security.capability', capability)).toBe(0);
      expect(system.getXattr(root, 'ping', 'security.capability')).toEqual(capability);
    });
  });

  test('modes are exact in a process with any umask, and that of the process stays', async () => {
    // privateUmask is for good, so another process tries it
    const script = `
      import { openLinuxSystem } from ${JSON.stringify(new URL('../../src/system/linux.ts', import.meta.url).href)};
      import fs from 'node:fs';
      process.umask(0o077);
      const system = openLinuxSystem();
      const root = system.openRoot(${JSON.stringify(base)});
      system.close(system.createFile(root, 'masked', 0o666));
      const before = system.exactModes;
      system.privateUmask();
      system.close(system.createFile(root, 'file', 0o4766));
      system.mkdir(root, 'dir', 0o1777);
      console.log(JSON.stringify([before, system.exactModes]));
    `;
    const { output, code } = await run(script);
    expect(code).toBe(0);
    expect(JSON.parse(output)).toEqual([false, true]);
    expect(fs.statSync(join(base, 'masked')).mode & 0o7777).toBe(0o600);
    expect(fs.statSync(join(base, 'file')).mode & 0o7777).toBe(0o4766);
    expect(fs.statSync(join(base, 'dir')).mode & 0o7777).toBe(0o1777);
  });

  test('a lock keeps other processes out until its holder lets go or dies', async () => {
    const path = join(base, 'lock');
    const fd = fs.openSync(path, 'w');
    const script = `
      import { openLinuxSystem } from ${JSON.stringify(new URL('../../src/system/linux.ts', import.meta.url).href)};
      import fs from 'node:fs';
      const fd = fs.openSync(${JSON.stringify(path)}, 'r+');
      process.stdout.write(String(openLinuxSystem().lock(fd, 'exclusive')) + '\\n');
      setInterval(() => {}, 1000);
    `;
    const holder = start(script);
    expect(await firstLine(holder)).toBe('0');
    expect(system.lock(fd, 'exclusive')).toBe(-EAGAIN);
    expect(system.lock(fd, 'shared')).toBe(-EAGAIN);
    await ended(holder, 'SIGKILL');
    expect(system.lock(fd, 'shared')).toBe(0);
    const other = fs.openSync(path, 'r+');
    expect(system.lock(other, 'shared')).toBe(0);
    expect(system.lock(other, 'exclusive')).toBe(-EAGAIN);
    expect(system.lock(fd, 'none')).toBe(0);
    expect(system.lock(other, 'exclusive')).toBe(0);
    fs.closeSync(fd);
    fs.closeSync(other);
  });

  test('syncFileSystem answers 0, or why not', async () => {
    expect(await system.syncFileSystem(base)).toBe(0);
    expect(await system.syncFileSystem(join(base, 'none'))).toBe(-ENOENT);
  });

  test('no call leaves a descriptor open', () => {
    const open = (): number => fs.readdirSync('/proc/self/fd').length;
    fs.symlinkSync('x', join(base, 'l'));
    fs.mkdirSync(join(base, 'd'));
    const before = open();
    for (let i = 0; i < 20; i++) {
      system.openFile(root, 'd');
      system.openFile(root, 'l');
      system.setMode(root, 'd', 0o700);
      system.setMode(root, 'l', 0o700);
      system.openDir(root, 'l', 'refuse');
    }
    expect(open()).toBe(before);
  });
});

function start(script: string): ReturnType<typeof spawn> {
  return spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function run(script: string): Promise<{ output: string; code: number | null }> {
  const child = start(script);
  let output = '';
  child.stdout?.on('data', (text: Buffer) => {
    output += text.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { output, code };
}

function firstLine(child: ReturnType<typeof spawn>): Promise<string> {
  return new Promise((resolve) => child.stdout?.once('data', (text: Buffer) => resolve(text.toString().trim())));
}

async function ended(child: ReturnType<typeof spawn>, signal: NodeJS.Signals): Promise<void> {
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.kill(signal);
  await closed;
}
