import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check } from '../system/errno.ts';
import type { Bytes, System } from '../system/system.ts';
import type { TarEntry } from './tar-entry.ts';
import { AUFS_LINKS } from './whiteouts.ts';

const PLNK = `${AUFS_LINKS}/`;
const COPY_BYTES = 256 * 1024;

export interface AufsFile {
  entry: TarEntry;
  path: string;
}

/**
 * Layers that Docker wrote with aufs keep the content of hard-linked files in `.wh..wh.plnk/` and let hard links point
 * there. The content is put aside, in files whose names are ours, and each link becomes a file with a copy of it.
 */
export class AufsLinks {
  readonly #system: System;
  readonly #files = new Map<Bytes, AufsFile>();
  #dir: string | null = null;

  constructor(system: System) {
    this.#system = system;
  }

  /** Whether a cleaned link target is one of these. */
  static isTarget(target: Bytes): boolean {
    return target.startsWith(PLNK);
  }

  /** A file for the content of `entry`, open for writing; null when the entry is not one that links can use. */
  create(entry: TarEntry, path: Bytes): number | null {
    const base = path.slice(PLNK.length);
    if (!path.startsWith(PLNK) || base.includes('/') || entry.type !== 'file' || entry.sparse !== null) return null;
    this.#dir ??= mkdtempSync(join(tmpdir(), 'layermill-aufs-'));
    const file = { entry, path: join(this.#dir, String(this.#files.size)) };
    this.#files.set(base, file);
    return openSync(file.path, 'w', 0o600);
  }

  find(target: Bytes): AufsFile | null {
    return this.#files.get(target.slice(PLNK.length)) ?? null;
  }

  copyTo(file: AufsFile, target: number): void {
    const source = openSync(file.path, 'r');
    try {
      const buffer = Buffer.allocUnsafe(COPY_BYTES);
      for (let read = readSync(source, buffer); read > 0; read = readSync(source, buffer)) {
        check(this.#system.write(target, buffer, 0, read), 'write', file.path);
      }
    } finally {
      closeSync(source);
    }
  }

  close(): void {
    if (this.#dir !== null) rmSync(this.#dir, { recursive: true, force: true });
    this.#dir = null;
  }
}
