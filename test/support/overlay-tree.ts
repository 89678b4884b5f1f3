import { check } from '../../src/system/errno.ts';
import { type Bytes, type Dir, S_IFCHR, type System } from '../../src/system/system.ts';

const isRoot = process.geteuid?.() === 0;

/** Puts the marks of an overlay file system into a directory; `supported` tells whether this machine lets us. */
export class OverlayMarks {
  readonly #system: System;

  constructor(system: System) {
    this.#system = system;
  }

  /** Whether `root`, a directory to try it in, takes whiteouts and attributes; leaves it as it was. */
  supported(root: string): boolean {
    return this.#within(root, (dir) => {
      const made = this.#system.mknod(dir, '.try', S_IFCHR, 0, 0);
      this.#system.unlink(dir, '.try');
      const set = this.#system.setXattr(dir, '', 'user.try', Buffer.from('y'));
      this.#system.removeXattr(dir, '', 'user.try');
      return made >= 0 && set >= 0;
    });
  }

  whiteout(root: string, name: Bytes): void {
    this.#within(root, (dir) => check(this.#system.mknod(dir, name, S_IFCHR, 0, 0), 'mknod', name));
  }

  opaque(root: string, name: Bytes): void {
    this.attribute(root, name, isRoot ? 'trusted.overlay.opaque' : 'user.overlay.opaque', 'y');
  }

  attribute(root: string, name: Bytes, key: string, value: string): void {
    this.#within(root, (dir) => check(this.#system.setXattr(dir, name, key, Buffer.from(value)), 'setxattr', name));
  }

  #within<Result>(root: string, work: (dir: Dir) => Result): Result {
    const dir = check(this.#system.openRoot(Buffer.from(root).toString('latin1')), 'open', root);
    try {
      return work(dir);
    } finally {
      this.#system.closeDir(dir);
    }
  }
}
