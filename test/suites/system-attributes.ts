import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { check, EINVAL, ENOENT, EOPNOTSUPP } from '../../src/system/errno.ts';
import { type Dir, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, type System } from '../../src/system/system.ts';

/** What a test of a System works on. */
export interface SystemLab {
  system: System;
  root: Dir;
  /** Outside of the root, and never to be touched. */
  victim: string;
  /** Whether direct calls are made, which can keep more promises. */
  exact: boolean;
  inRoot(path: string): string;
  makeFile(dir: Dir, file: string, text?: string): void;
}

/** Modes, times, owners and devices; inside the `describe` of a System. */
export function attributesSuite(lab: () => SystemLab): void {
  const asRoot = process.getuid?.() === 0;

  describe('attributes', () => {
    test('lstat tells types, sizes and owners, and looks at links themselves', () => {
      const { inRoot, makeFile, root, system, victim } = lab();
      makeFile(root, 'f', 'four');
      fs.symlinkSync(victim, inRoot('l'));
      expect(system.lstat(root, 'f')).toMatchObject({
        mode: S_IFREG | (fs.statSync(inRoot('f')).mode & 0o7777),
        size: 4,
        uid: process.getuid?.(),
        nlink: 1,
      });
      expect((system.lstat(root, 'l') as { mode: number }).mode & S_IFMT).toBe(S_IFLNK);
      expect((system.lstat(root, '') as { mode: number }).mode & S_IFMT).toBe(S_IFDIR);
      expect(system.lstat(root, 'none')).toBe(-ENOENT);
    });

    test('setMode sets every bit, of directories and the root too, and never of a link or its target', () => {
      const { inRoot, makeFile, root, system, victim } = lab();
      makeFile(root, 'f');
      fs.mkdirSync(inRoot('d'));
      fs.symlinkSync(join(victim, 'hello'), inRoot('l'));
      const before = fs.statSync(join(victim, 'hello')).mode;
      expect(system.setMode(root, 'f', 0o4711)).toBe(0);
      expect(system.setMode(root, 'd', 0o1777)).toBe(0);
      expect(system.setMode(root, '', 0o705)).toBe(0);
      expect(fs.statSync(inRoot('f')).mode & 0o7777).toBe(0o4711);
      expect(fs.statSync(inRoot('d')).mode & 0o7777).toBe(0o1777);
      expect(fs.statSync(inRoot('')).mode & 0o7777).toBe(0o705);
      expect(system.setMode(root, 'l', 0o777)).toBe(-EOPNOTSUPP);
      expect(system.setMode(root, 'none', 0o777)).toBe(-ENOENT);
      expect(fs.statSync(join(victim, 'hello')).mode).toBe(before);
    });

    test('setFileMode works on the descriptor', () => {
      const { inRoot, root, system } = lab();
      const fd = check(system.createFile(root, 'f', 0o600), 'create');
      expect(system.setFileMode(fd, 0o2750)).toBe(0);
      system.close(fd);
      expect(fs.statSync(inRoot('f')).mode & 0o7777).toBe(0o2750);
    });

    test.each([
      [1_700_000_000, 123_456_789],
      [0, 1],
      [-1, 500_000_000],
      [-1_000_000, 0],
      [2 ** 31 + 5, 999_999_999],
      [2 ** 32 + 7, 3],
    ])('times %i.%i', (sec, nsec) => {
      const { exact, inRoot, root, system, victim } = lab();
      const fd = check(system.createFile(root, 'f', 0o600), 'create');
      fs.symlinkSync(join(victim, 'hello'), inRoot('l'));
      const before = fs.statSync(join(victim, 'hello')).mtimeMs;
      expect(system.setFileTimes(fd, sec, nsec)).toBe(0);
      expect(system.setTimes(root, 'l', sec, nsec)).toBe(0);
      expect(system.setTimes(root, '', sec, nsec)).toBe(0);
      for (const name of ['f', 'l', '']) {
        const stat = check(system.lstat(root, name), 'lstat');
        if (exact) expect([stat.mtimeSec, stat.mtimeNsec]).toEqual([sec, nsec]);
        else expect(Math.abs(stat.mtimeSec - sec + (stat.mtimeNsec - nsec) / 1e9)).toBeLessThan(2e-6);
      }
      expect(fs.statSync(join(victim, 'hello')).mtimeMs).toBe(before);
      system.close(fd);
    });

    test('owners, of links themselves too', (context) => {
      const { inRoot, root, system, victim } = lab();
      if (!asRoot) context.skip('only root can give files away');
      const fd = check(system.createFile(root, 'f', 0o600), 'create');
      fs.symlinkSync(join(victim, 'hello'), inRoot('l'));
      expect(system.setFileOwner(fd, 1234, 4_000_000_000)).toBe(0);
      expect(system.setOwner(root, 'l', 77, 78)).toBe(0);
      expect(system.setOwner(root, '', 9, 10)).toBe(0);
      system.close(fd);
      expect(system.lstat(root, 'f')).toMatchObject({ uid: 1234, gid: 4_000_000_000 });
      expect(system.lstat(root, 'l')).toMatchObject({ uid: 77, gid: 78 });
      expect(system.lstat(root, '')).toMatchObject({ uid: 9, gid: 10 });
      expect(fs.statSync(join(victim, 'hello')).uid).toBe(0);
    });
  });

  describe('devices', () => {
    test('mknod makes fifos and devices, or says that it cannot', (context) => {
      const { exact, root, system } = lab();
      if (!exact) {
        expect(system.mknod(root, 'fifo', S_IFIFO | 0o644, 0, 0)).toBe(-EOPNOTSUPP);
        return;
      }
      expect(system.mknod(root, 'fifo', S_IFIFO | 0o644, 0, 0)).toBe(0);
      expect((system.lstat(root, 'fifo') as { mode: number }).mode & S_IFMT).toBe(S_IFIFO);
      if (!asRoot) context.skip('only root can make devices');
      expect(system.mknod(root, 'null', S_IFCHR | 0o666, 1, 3)).toBe(0);
      expect(system.mknod(root, 'big', S_IFCHR | 0o666, 0xfff, 0xfffff)).toBe(0);
      expect(system.lstat(root, 'null')).toMatchObject({ rdevMajor: 1, rdevMinor: 3 });
      expect(system.lstat(root, 'big')).toMatchObject({ rdevMajor: 0xfff, rdevMinor: 0xfffff });
    });

    test('device numbers that do not fit are refused, never wrapped', () => {
      const { exact, root, system } = lab();
      for (const [major, minor] of [
        [2 ** 32, 0],
        [0, 2 ** 32],
        [-1, 0],
        [0, -1],
        [0x1000, 0],
        [0, 0x100000],
      ] as const) {
        expect(system.mknod(root, 'dev', S_IFCHR | 0o600, major, minor)).toBe(exact ? -EINVAL : -EOPNOTSUPP);
      }
    });

    test('lstat reads device numbers', (context) => {
      const { system } = lab();
      if (!fs.existsSync('/dev/null')) context.skip('there is no /dev/null');
      const dev = check(system.openRoot('/dev'), 'open');
      expect(system.lstat(dev, 'null')).toMatchObject({ rdevMajor: 1, rdevMinor: 3 });
      system.closeDir(dev);
    });
  });
}
