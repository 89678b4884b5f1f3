import { readSync } from 'node:fs';
import type { ByteSink } from '../compression/codec.ts';
import { Crc64 } from '../compression/crc64.ts';
import { engineError } from '../errors/kinds.ts';
import { check, EINVAL, ELOOP, ENOENT, ENOTDIR } from '../system/errno.ts';
import type { Bytes, Dir, System } from '../system/system.ts';
import type { LayerLimits } from './limits.ts';
import { shownName } from './shown-name.ts';
import { tarOverLimit } from './tar-error.ts';
import { readTarSplit, type TarSplitVisitor } from './tar-split.ts';

const BUFFER_BYTES = 256 * 1024;

/** What opening a file answers when there is none of that name, or something else, or a link on the way to it. */
const NO_FILE: ReadonlySet<number> = new Set([-ENOENT, -ENOTDIR, -ELOOP, -EINVAL]);

/** A layer whose tar is kept in two parts. */
export interface SplitLayer {
  /** The file that tar-split wrote. */
  split: string;
  /** The directories in which its files are looked for, one after the other. */
  trees: string[];
}

/**
 * Gives the tar of a layer to `sink` as it was when tar-split took it apart. Files are read beneath the trees and through
 * no link; size and CRC of each are checked before the next is read. Throws LAYER_FILE_DAMAGED, LIMIT_EXCEEDED and what
 * `readTarSplit` throws; nothing may be trusted before the whole tar was found to have its DiffID.
 */
export function writeSplitTar(system: System, layer: SplitLayer, limits: LayerLimits, sink: ByteSink): void {
  using assembly = new SplitAssembly(system, layer.trees, limits, sink);
  readTarSplit(layer.split, limits, assembly);
  assembly.flush();
}

class SplitAssembly implements TarSplitVisitor, Disposable {
  readonly #system: System;
  readonly #limits: LayerLimits;
  readonly #sink: ByteSink;
  readonly #trees: Dir[] = [];
  readonly #buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  readonly #crc: Crc64 = new Crc64();
  #used = 0;
  #total = 0;

  constructor(system: System, trees: string[], limits: LayerLimits, sink: ByteSink) {
    this.#system = system;
    this.#limits = limits;
    this.#sink = sink;
    try {
      for (const tree of trees) {
        this.#trees.push(check(system.openRoot(Buffer.from(tree).toString('latin1')), 'open', tree));
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  segment(bytes: Buffer): void {
    this.#count(bytes.length);
    if (bytes.length > BUFFER_BYTES - this.#used) this.flush();
    if (bytes.length > BUFFER_BYTES) {
      this.#sink(bytes);
      return;
    }
    bytes.copy(this.#buffer, this.#used);
    this.#used += bytes.length;
  }

  file(path: Bytes, size: number, crcHigh: number, crcLow: number): void {
    this.#count(size);
    const fd = this.#open(path);
    try {
      this.#copy(fd, path, size);
    } finally {
      this.#system.close(fd);
    }
    if (this.#crc.high === crcHigh && this.#crc.low === crcLow) return;
    throw damaged(path, 'its content is not what it was when the layer was unpacked');
  }

  flush(): void {
    if (this.#used > 0) this.#sink(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  [Symbol.dispose](): void {
    for (const tree of this.#trees.splice(0)) this.#system.closeDir(tree);
  }

  #open(path: Bytes): number {
    for (const tree of this.#trees) {
      const fd = this.#system.openFile(tree, path);
      if (fd >= 0) return fd;
      if (!NO_FILE.has(fd)) check(fd, 'open', `${tree.path}/${path}`);
    }
    throw damaged(path, 'there is no regular file of that name');
  }

  #copy(fd: number, path: Bytes, size: number): void {
    this.#crc.reset();
    for (let left = size; ;) {
      if (this.#used === BUFFER_BYTES) this.flush();
      // One byte more than should be there shows a file that has grown.
      const wanted = Math.min(left + 1, BUFFER_BYTES - this.#used);
      const read = readSync(fd, this.#buffer, this.#used, wanted, null);
      if (read > left) throw damaged(path, `it has more than its ${size} bytes`);
      this.#crc.update(this.#buffer, this.#used, this.#used + read);
      this.#used += read;
      left -= read;
      if (left === 0 && read < wanted) return;
      if (read === 0) throw damaged(path, `it has ${size - left} bytes instead of ${size}`);
    }
  }

  #count(bytes: number): void {
    this.#total += bytes;
    if (this.#total > this.#limits.layerBytes) throw tarOverLimit('layerBytes', this.#limits.layerBytes, 'the layer');
  }
}

function damaged(path: Bytes, why: string): Error {
  const entry = shownName(path);
  const message = `the file "${entry}" of the layer is damaged: ${why}; pull or load the image again`;
  return engineError('LAYER_FILE_DAMAGED', message, { entry });
}
