import { closeSync, constants, lstatSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { engineError } from '../errors/kinds.ts';
import { asEngineError } from '../errors/wire.ts';
import { errnoName } from '../system/errno.ts';
import type { System } from '../system/system.ts';

const DRIVER = 'overlay2';
/** The kernel takes mount options of one page at most. */
const MAX_OPTIONS = 4095;

/** The layers that are mounted as one tree, read only, at `<home>/<id>/merged`; each as long as somebody uses it. */
export class MergedViews {
  readonly #home: string;
  readonly #system: System;
  readonly #users = new Map<string, number>();

  constructor(home: string, system: System) {
    this.#home = home;
    this.#system = system;
  }

  get size(): number {
    return this.#users.size;
  }

  isUsed(id: string): boolean {
    return this.#users.has(id);
  }

  /**
   * Mounts at the first call.
   * @param links the layers below `home`, top first, as `l/<short name>`
   * @param directories the same layers' change directories
   */
  get(id: string, links: readonly string[], directories: readonly string[]): string {
    const target = this.#target(id);
    const users = this.#users.get(id) ?? 0;
    if (users === 0) this.#mount(id, target, links, marksAre(directories));
    this.#users.set(id, users + 1);
    return target;
  }

  /** Unmounts at the last call. */
  put(id: string): void {
    const users = this.#users.get(id);
    if (users === undefined) return;
    if (users === 1) this.#unmount(id);
    if (users === 1) this.#users.delete(id);
    else this.#users.set(id, users - 1);
  }

  /** Unmounts what a process that died has left mounted there. */
  unmountLeftOvers(id: string): void {
    while (this.#system.unmount(this.#target(id)) >= 0);
  }

  close(): void {
    for (const id of this.#users.keys()) {
      this.#unmount(id);
      this.#users.delete(id);
    }
  }

  #mount(id: string, target: string, links: readonly string[], marks: 'trusted' | 'user' | 'mixed'): void {
    if (marks === 'mixed') throw unavailable(id, 'root made some of its layers, and an ordinary user others');
    try {
      mkdirSync(target, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw unavailable(id, asEngineError(error).message, error);
    }
    const home = openSync(this.#home, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      // Named through an open descriptor, the layers take little of the page, and nothing in `home` needs escaping.
      const lower = links.map((link) => `/proc/self/fd/${home}/${link}`).join(':');
      const options = `lowerdir=${lower},redirect_dir=nofollow,metacopy=off${marks === 'user' ? ',userxattr' : ''}`;
      if (options.length > MAX_OPTIONS) throw unavailable(id, `${links.length} layers do not fit into one mount`);
      const result = this.#system.mount('overlay', 'overlay', target, options);
      if (result < 0) throw unavailable(id, `mount failed with ${errnoName(result)}`);
    } finally {
      closeSync(home);
    }
  }

  #unmount(id: string): void {
    const target = this.#target(id);
    const result = this.#system.unmount(target);
    if (result >= 0) return;
    const message = `unmount of ${JSON.stringify(target)} failed with ${errnoName(result)}; end what uses it and unmount it`;
    throw engineError('DRIVER_FAILED', message, { driver: DRIVER, operation: 'unmount', id });
  }

  #target(id: string): string {
    return `${this.#home}/${id}/merged`;
  }
}

/** Only root can write `trusted.overlay.*`; an ordinary user's opaque directories have `user.overlay.*`. */
function marksAre(directories: readonly string[]): 'trusted' | 'user' | 'mixed' {
  const byRoot = directories.filter((directory) => lstatSync(dirname(directory)).uid === 0).length;
  if (byRoot === directories.length) return 'trusted';
  return byRoot === 0 ? 'user' : 'mixed';
}

function unavailable(id: string, reason: string, cause?: unknown): Error {
  const message = `layer ${id} cannot be mounted: ${reason}; \`layermill unpack\` gives its files without a mount`;
  return engineError('DRIVER_MOUNT_UNAVAILABLE', message, { driver: DRIVER, id }, cause);
}
