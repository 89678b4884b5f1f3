import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { check, EEXIST, EINVAL, ELOOP, ENOENT, ENOTDIR, ENOTEMPTY, EXDEV } from '../../src/system/errno.ts';
import { type Dir, S_IFLNK, S_IFMT, type System } from '../../src/system/system.ts';
import { attributesSuite } from './system-attributes.ts';

/** What every System promises. `exact` says which promises only direct calls can keep. */
export function systemSuite(name: string, openSystem: () => System, exact: boolean): void {
  describe(name, () => {
    let base: string;
    let system: System;
    let root: Dir;
    /** Outside of the root, and never to be touched. */
    let victim: string;

    beforeEach(() => {
      base = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'system-')));
      victim = join(base, 'victim');
      fs.mkdirSync(victim);
      fs.writeFileSync(join(victim, 'hello'), 'hello world');
      fs.mkdirSync(join(base, 'root'));
      system = openSystem();
      root = check(system.openRoot(join(base, 'root')), 'open');
    });

    afterEach(() => {
      system.closeDir(root);
      expect(fs.readdirSync(victim)).toEqual(['hello']);
      expect(fs.readFileSync(join(victim, 'hello'), 'utf8')).toBe('hello world');
      fs.rmSync(base, { recursive: true, force: true });
    });

    const inRoot = (path: string): string => join(base, 'root', path);
    const makeFile = (dir: Dir, file: string, text = ''): void => {
      const fd = check(system.createFile(dir, file, 0o644), 'create');
      const bytes = Buffer.from(text);
      expect(system.write(fd, bytes, 0, bytes.length)).toBe(bytes.length);
      expect(system.close(fd)).toBe(0);
    };
    const makeDir = (dir: Dir, child: string): Dir => {
      check(system.mkdir(dir, child, 0o755), 'mkdir');
      return check(system.openDir(dir, child, 'refuse'), 'open');
    };

    describe('openRoot', () => {
      test('answers -ENOENT for nothing, -ENOTDIR for a file and for a link to a directory', () => {
        fs.symlinkSync(victim, inRoot('link'));
        expect(system.openRoot(inRoot('none'))).toBe(-ENOENT);
        expect(system.openRoot(join(victim, 'hello'))).toBe(-ENOTDIR);
        expect(system.openRoot(inRoot('link'))).toBe(-ENOTDIR);
      });
    });

    describe('openDir follows links as in a chroot', () => {
      const where = (path: string): string | number => {
        const dir = system.openDir(root, path, 'follow');
        if (typeof dir === 'number') return dir;
        const below = system.pathBelow(root, dir);
        system.closeDir(dir);
        return below;
      };

      beforeEach(() => {
        fs.mkdirSync(inRoot('usr/lib'), { recursive: true });
        fs.mkdirSync(inRoot('victim'));
      });

      test.each([
        ['the root itself', '', '', ''],
        ['a plain path', 'usr/lib', '', 'usr/lib'],
        ['an absolute link', 'l', '/usr/lib', 'usr/lib'],
        ['a relative link', 'l', 'usr/lib', 'usr/lib'],
        ['a link that climbs over the root', 'l', '../../../usr', 'usr'],
        ['an absolute link that climbs', 'l', '/../../victim', 'victim'],
        ['a link to the root', 'l', '/', ''],
        ['a link to the parent of the root', 'l', '..', ''],
        ['.. in the path', 'usr/lib/../../..', '', ''],
        ['more after the link', 'l/lib', '/usr', 'usr/lib'],
        ['slashes and dots', 'l/.//lib/', './/usr/.', 'usr/lib'],
      ])('%s', (_what, path, target, expected) => {
        if (target !== '') fs.symlinkSync(target, inRoot('l'));
        expect(where(path)).toBe(expected);
      });

      test('a link in a directory is relative to it, and chains end where they lead', () => {
        fs.symlinkSync('../lib', inRoot('usr/lib/x'));
        fs.symlinkSync('/usr/lib/x', inRoot('y'));
        expect(where('usr/lib/x')).toBe('usr/lib');
        expect(where('y')).toBe('usr/lib');
      });

      test('a trampoline of harmless links stays inside', () => {
        fs.symlinkSync('..', inRoot('usr/up'));
        fs.symlinkSync('../victim', inRoot('usr/escape'));
        expect(where('usr/up/usr/escape')).toBe('victim');
      });

      test('loops, self-links and chains without end are -ELOOP', () => {
        fs.symlinkSync('b', inRoot('a'));
        fs.symlinkSync('a', inRoot('b'));
        fs.symlinkSync('self', inRoot('self'));
        fs.symlinkSync('usr', inRoot('l0'));
        for (let i = 1; i <= 300; i++) fs.symlinkSync(`l${i - 1}`, inRoot(`l${i}`));
        expect(where('l5')).toBe('usr');
        expect([where('a'), where('self/x'), where('l300')]).toEqual([-ELOOP, -ELOOP, -ELOOP]);
      });

      test('links that multiply each other are counted in all', () => {
        fs.symlinkSync('usr/lib/../..', inRoot('a0'));
        for (let i = 1; i <= 40; i++) fs.symlinkSync(`a${i - 1}/a${i - 1}`, inRoot(`a${i}`));
        expect(where('a40')).toBe(-ELOOP);
      });

      test('what is missing, dangling or no directory has its own answer', () => {
        fs.symlinkSync('/nowhere', inRoot('dangling'));
        fs.writeFileSync(inRoot('file'), '');
        fs.symlinkSync('file', inRoot('to-file'));
        expect([where('none'), where('dangling')]).toEqual([-ENOENT, -ENOENT]);
        expect([where('file'), where('file/x'), where('to-file')]).toEqual([-ENOTDIR, -ENOTDIR, -ENOTDIR]);
        expect(where('us\0r')).toBe(-EINVAL);
      });
    });

    describe('openDir refuses links', () => {
      test('at the end and on the way', () => {
        fs.mkdirSync(inRoot('d/e'), { recursive: true });
        fs.symlinkSync('d', inRoot('l'));
        fs.symlinkSync(victim, inRoot('out'));
        expect(system.openDir(root, 'l', 'refuse')).toBe(-ELOOP);
        expect(system.openDir(root, 'l/e', 'refuse')).toBe(-ELOOP);
        expect(system.openDir(root, 'out', 'refuse')).toBe(-ELOOP);
        const dir = check(system.openDir(root, 'd/e', 'refuse'), 'open');
        expect(system.pathBelow(root, dir)).toBe('d/e');
        system.closeDir(dir);
      });

      test('and whatever leaves the root', () => {
        expect(system.openDir(root, '../victim', 'refuse')).toBe(-EXDEV);
        expect(system.openDir(root, victim, 'refuse')).toBe(-EXDEV);
      });
    });

    test('a directory that was replaced by a link is never followed', () => {
      const dir = makeDir(root, 'd');
      fs.rmdirSync(inRoot('d'));
      fs.symlinkSync(victim, inRoot('d'));
      expect(system.createFile(dir, 'new', 0o644)).toBeLessThan(0);
      expect(system.mkdir(dir, 'new', 0o755)).toBeLessThan(0);
      expect(system.unlink(dir, 'hello')).toBeLessThan(0);
      expect(system.pathBelow(root, dir)).toBeLessThan(0);
      system.closeDir(dir);
    });

    test('pathBelow of a directory elsewhere is -EXDEV', () => {
      const other = check(system.openRoot(victim), 'open');
      expect(system.pathBelow(root, other)).toBe(-EXDEV);
      system.closeDir(other);
    });

    test('and so it is when the name of the root is only the beginning of the other name', () => {
      fs.mkdirSync(join(base, 'root2'));
      const other = check(system.openRoot(join(base, 'root2')), 'open');
      expect(system.pathBelow(root, other)).toBe(-EXDEV);
      system.closeDir(other);
    });

    test.each(['', '.', '..', '../victim/x', 'a/b', 'a\0b', '/etc/x'])('no call takes %j for a name', (bad) => {
      makeFile(root, 'f');
      expect(system.createFile(root, bad, 0o644)).toBe(-EINVAL);
      expect(system.mkdir(root, bad, 0o755)).toBe(-EINVAL);
      expect(system.symlink('t', root, bad)).toBe(-EINVAL);
      expect(system.link(root, 'f', root, bad)).toBe(-EINVAL);
      expect(system.rename(root, 'f', root, bad)).toBe(-EINVAL);
      expect(system.unlink(root, bad)).toBe(-EINVAL);
      expect(system.rmdir(root, bad)).toBe(-EINVAL);
      if (bad === '') return;
      expect(system.lstat(root, bad)).toBe(-EINVAL);
      expect(system.readLink(root, bad)).toBe(-EINVAL);
      expect(system.setMode(root, bad, 0o777)).toBe(-EINVAL);
      expect(system.setTimes(root, bad, 1, 0)).toBe(-EINVAL);
      expect(system.setOwner(root, bad, 0, 0)).toBe(-EINVAL);
      if (exact) expect(system.setXattr(root, bad, 'user.k', Buffer.from('v'))).toBe(-EINVAL);
    });

    describe('files', () => {
      test('createFile answers -EEXIST for anything that has the name, a dangling link too', () => {
        makeFile(root, 'f');
        fs.symlinkSync('/nowhere', inRoot('dangling'));
        fs.symlinkSync(join(victim, 'new'), inRoot('out'));
        fs.mkdirSync(inRoot('d'));
        for (const taken of ['f', 'dangling', 'out', 'd']) {
          expect(system.createFile(root, taken, 0o644)).toBe(-EEXIST);
        }
      });

      test('write takes ranges, and openFile reads what was written', () => {
        const fd = check(system.createFile(root, 'f', 0o600), 'create');
        const bytes = Buffer.from('0123456789');
        expect(system.write(fd, bytes, 2, 5)).toBe(3);
        expect(system.write(fd, bytes, 0, 1)).toBe(1);
        expect(system.write(fd, bytes, 4, 4)).toBe(0);
        expect(system.write(fd, bytes.subarray(3), 1, 3)).toBe(2);
        expect(system.close(fd)).toBe(0);
        const read = check(system.openFile(root, 'f'), 'open');
        expect(fs.readFileSync(read, 'latin1')).toBe('234045');
        expect(system.close(read)).toBe(0);
      });

      test('truncate makes a hole', () => {
        const fd = check(system.createFile(root, 'f', 0o600), 'create');
        expect(system.truncate(fd, 5_000_000_000)).toBe(0);
        system.close(fd);
        expect(fs.statSync(inRoot('f')).size).toBe(5_000_000_000);
      });

      test('openFile goes through no link, leaves not the root, opens nothing but files', () => {
        const dir = makeDir(root, 'd');
        makeFile(dir, 'f', 'x');
        system.closeDir(dir);
        fs.symlinkSync('d', inRoot('l'));
        fs.symlinkSync('d/f', inRoot('lf'));
        const fd = check(system.openFile(root, 'd/f'), 'open');
        system.close(fd);
        expect(system.openFile(root, 'l/f')).toBe(-ELOOP);
        expect(system.openFile(root, 'lf')).toBe(-ELOOP);
        expect(system.openFile(root, '../victim/hello')).toBe(-EXDEV);
        expect(system.openFile(root, 'd')).toBe(-EINVAL);
        expect(system.openFile(root, 'd/none')).toBe(-ENOENT);
      });

      test('openFile does not wait for the other end of a fifo', () => {
        execFileSync('mkfifo', [inRoot('fifo')]);
        expect(system.openFile(root, 'fifo')).toBe(-EINVAL);
      });

      test('descriptors answer -EBADF once closed, and close says so', () => {
        const fd = check(system.createFile(root, 'f', 0o600), 'create');
        system.close(fd);
        expect(system.close(fd)).toBeLessThan(0);
      });
    });

    describe('names are bytes', () => {
      test('names that are not UTF-8 stay apart, and come back', () => {
        for (const name of ['a\xff', 'a\xfe', 'caf\xc3\xa9', 'x\x1b[2J\n', '__proto__', 'a\\b']) {
          makeFile(root, name, name);
          expect(system.lstat(root, name)).toMatchObject({ size: Buffer.byteLength(name) });
        }
        expect((system.readDir(root) as string[]).sort()).toEqual(
          ['a\xff', 'a\xfe', 'caf\xc3\xa9', 'x\x1b[2J\n', '__proto__', 'a\\b'].sort(),
        );
        expect(fs.readdirSync(inRoot(''), 'utf8')).toContain('café');
        expect(system.symlink('t\xff\xfe', root, 'link')).toBe(0);
        expect(system.readLink(root, 'link')).toBe('t\xff\xfe');
      });

      test('255 bytes fit, 256 do not; a path of thousands does', () => {
        makeFile(root, 'n'.repeat(255));
        expect(system.createFile(root, 'n'.repeat(256), 0o644)).toBeLessThan(0);
        const deep = Array.from({ length: 15 }, () => 'd'.repeat(240)).join('/');
        fs.mkdirSync(inRoot(deep), { recursive: true });
        const dir = check(system.openDir(root, deep, 'refuse'), 'open');
        makeFile(dir, 'f');
        expect(system.pathBelow(root, dir)).toBe(deep);
        system.closeDir(dir);
        expect(system.openDir(root, 'x/'.repeat(3000), 'follow')).toBeLessThan(0);
      });

      test('a link target may have 4095 bytes, and may not be empty', () => {
        const target = 't'.repeat(4095);
        expect(system.symlink(target, root, 'l')).toBe(0);
        expect(system.readLink(root, 'l')).toBe(target);
        expect(system.symlink('t'.repeat(4096), root, 'm')).toBeLessThan(0);
        expect(system.symlink('', root, 'e')).toBe(-ENOENT);
        expect(system.symlink('a\0b', root, 'z')).toBe(-EINVAL);
      });
    });

    describe('directories and links', () => {
      test('mkdir, rmdir and unlink keep to their kind', () => {
        const dir = makeDir(root, 'd');
        makeFile(dir, 'f');
        system.closeDir(dir);
        expect(system.mkdir(root, 'd', 0o755)).toBe(-EEXIST);
        expect(system.rmdir(root, 'd')).toBe(-ENOTEMPTY);
        expect(system.unlink(root, 'd')).toBeLessThan(0);
        expect(system.rmdir(root, 'none')).toBe(-ENOENT);
        fs.rmSync(inRoot('d/f'));
        expect(system.rmdir(root, 'd')).toBe(0);
      });

      test('link gives a second name to the inode, to a symlink itself too', () => {
        makeFile(root, 'f', 'x');
        const dir = makeDir(root, 'd');
        fs.symlinkSync(join(victim, 'hello'), inRoot('l'));
        expect(system.link(root, 'f', dir, 'g')).toBe(0);
        expect(system.link(root, 'l', dir, 'm')).toBe(0);
        expect(system.lstat(dir, 'g')).toMatchObject({ nlink: 2, size: 1 });
        expect((system.lstat(dir, 'm') as { mode: number }).mode & S_IFMT).toBe(S_IFLNK);
        expect((system.lstat(dir, 'g') as { inode: string }).inode).toBe(
          (system.lstat(root, 'f') as { inode: string }).inode,
        );
        expect(system.link(root, 'none', dir, 'n')).toBe(-ENOENT);
        expect(system.link(root, 'f', dir, 'g')).toBe(-EEXIST);
        expect(system.link(root, 'd', root, 'e')).toBeLessThan(0);
        system.closeDir(dir);
      });

      test('rename moves the name itself', () => {
        fs.symlinkSync(victim, inRoot('l'));
        const dir = makeDir(root, 'd');
        expect(system.rename(root, 'l', dir, 'm')).toBe(0);
        expect(fs.readlinkSync(inRoot('d/m'))).toBe(victim);
        expect(system.rename(root, 'l', dir, 'm')).toBe(-ENOENT);
        system.closeDir(dir);
      });

      test('unlink removes a link, not what it leads to; readLink is for links only', () => {
        fs.symlinkSync(join(victim, 'hello'), inRoot('l'));
        makeFile(root, 'f');
        expect(system.unlink(root, 'l')).toBe(0);
        expect(system.readLink(root, 'f')).toBe(-EINVAL);
        expect(system.readLink(root, 'none')).toBe(-ENOENT);
      });

      test('readDir gives every name of a large directory', () => {
        const names = Array.from({ length: 1000 }, (_, i) => `file-${i}`);
        for (const name of names) fs.writeFileSync(inRoot(name), '');
        expect((system.readDir(root) as string[]).sort()).toEqual(names.sort());
      });
    });

    attributesSuite(() => ({ system, root, victim, exact, inRoot, makeFile }));
  });
}
