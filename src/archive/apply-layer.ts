import { check } from '../system/errno.ts';
import { type Bytes, type Dir, S_IFLNK, S_IFMT, S_IFREG, type Stat, type System } from '../system/system.ts';
import type { AttributePolicy } from './attributes.ts';
import { type AufsFile, AufsLinks } from './aufs-links.ts';
import { asideSink, type BodySink, NOWHERE, sparseSink } from './body-sink.ts';
import { LayerTree, type Time } from './layer-tree.ts';
import type { LowerView } from './lower-view.ts';
import { EntryMaker, linkInvalid } from './make-entry.ts';
import type { OpenDir } from './open-dirs.ts';
import { join } from './paths.ts';
import type { Payload } from './payload.ts';
import type { RecordWriter } from './record-writer.ts';
import { SparseFile } from './sparse-file.ts';
import type { TarEntry, TarVisitor } from './tar-entry.ts';
import { classifyName, cleanName } from './whiteouts.ts';

export interface ApplyOptions {
  dir: Bytes;
  style: 'full' | 'overlay';
  /** Whether other layers are below. */
  stacked: boolean;
  /** What they show, for an overlay directory; null while they are not complete. */
  lower: LowerView | null;
  policy: AttributePolicy;
  /** Where the layer is recorded; null when nobody will ask for its tar again. */
  record: { writer: RecordWriter; payload: Payload } | null;
  /**
   * Collects the modes of directories that would shut an ordinary user out before the end, for `applyLateModes`; null
   * when they keep what is needed to work on them.
   */
  lateModes: Map<Bytes, number> | null;
  /** Called once an entry has been applied. */
  onEntry(): void;
}

/** Applies the entries of a layer to a directory, in stream order, and records what the tree does not keep. */
export class LayerApplier implements TarVisitor {
  readonly #system: System;
  readonly #options: ApplyOptions;
  readonly #tree: LayerTree;
  readonly #maker: EntryMaker;
  readonly #aufs: AufsLinks;
  #body: BodySink = NOWHERE;
  #size = 0;
  #entries = 0;

  constructor(system: System, options: ApplyOptions) {
    this.#system = system;
    this.#options = options;
    this.#aufs = new AufsLinks(system);
    this.#tree = new LayerTree(system, {
      dir: options.dir,
      style: options.style,
      stacked: options.stacked,
      lower: options.lower,
      privileged: options.policy.privileged,
      dismiss: (path, dir, name, stat) => this.#dismiss(path, dir, name, stat),
    });
    this.#maker = new EntryMaker(system, this.#tree, options.policy, options.lateModes);
  }

  /** Bytes of files and link targets that the layer adds, each inode once. */
  get size(): number {
    return this.#size;
  }

  get entries(): number {
    return this.#entries;
  }

  entry(entry: TarEntry): void {
    this.#entries++;
    const path = cleanName(entry.name);
    const time = { sec: entry.mtimeSec, nsec: entry.mtimeNsec };
    if (path === '') {
      this.#maker.describeRoot(entry, time);
      return;
    }
    const name = classifyName(path);
    switch (name.kind) {
      case 'plain':
        this.#applyPlain(entry, name.dir, name.base, time);
        break;
      case 'whiteout':
        this.#putAside(entry, null);
        this.#tree.whiteout(name.dir, name.base, time);
        break;
      case 'opaque':
        this.#putAside(entry, null);
        this.#tree.opaque(name.dir, time);
        break;
      case 'aufs':
        this.#putAside(entry, this.#aufs.create(entry, path));
    }
  }

  raw(chunk: Buffer, start: number, end: number): void {
    this.#options.record?.writer.raw(chunk, start, end);
  }

  body(chunk: Buffer, start: number, end: number): void {
    this.#body.write(chunk, start, end);
  }

  endEntry(): void {
    const body = this.#body;
    this.#body = NOWHERE;
    body.end();
    this.#options.onEntry();
  }

  /** Call it once the stream has been read to its end and found good. */
  finish(): void {
    this.#tree.finish();
  }

  /** Closes what is open, in every case. */
  close(): void {
    this.#body.abandon();
    this.#body = NOWHERE;
    this.#aufs.close();
    this.#tree.close();
  }

  #applyPlain(entry: TarEntry, dir: Bytes, base: Bytes, time: Time): void {
    if (entry.type === 'hardlink') {
      this.#applyHardlink(entry, dir, base, time);
      return;
    }
    const parent = this.#tree.openParent(dir, time);
    switch (entry.type) {
      case 'file':
        this.#openFile(entry, parent, base);
        break;
      case 'dir':
        this.#maker.makeDirectory(entry, parent, base, time);
        break;
      case 'symlink':
        this.#maker.makeSymlink(entry, parent, base);
        this.#size += entry.linkname.length;
        break;
      case 'char':
      case 'block':
      case 'fifo':
        this.#maker.makeNode(entry, parent, base);
    }
    this.#tree.claim(join(parent.path, base));
  }

  #openFile(entry: TarEntry, parent: OpenDir, name: Bytes): void {
    const fd = this.#maker.createFile(entry, parent, name);
    const file = this.#fileSink(entry, fd, parent, name);
    if (entry.sparse === null) {
      this.#body = file;
      this.#options.record?.writer.file(join(parent.path, name), entry.size);
      this.#size += entry.size;
    } else {
      this.#body = sparseSink(new SparseFile(fd, entry.sparse), this.#payloadFile(entry.size), file);
      this.#size += entry.sparse.logicalSize;
    }
  }

  #fileSink(entry: TarEntry, fd: number, parent: OpenDir, name: Bytes): BodySink {
    return {
      write: (chunk, start, end) => {
        check(this.#system.write(fd, chunk, start, end), 'write', join(parent.path, name));
      },
      end: () => this.#maker.finishFile(entry, fd, parent, name),
      abandon: () => {
        this.#system.close(fd);
      },
    };
  }

  #applyHardlink(entry: TarEntry, dir: Bytes, base: Bytes, time: Time): void {
    const target = cleanLinkname(entry);
    if (AufsLinks.isTarget(target)) {
      const stored = this.#aufs.find(target);
      if (stored === null) throw linkInvalid(entry, 'the layer has no such aufs hard link');
      this.#copyAufs(stored, entry, dir, base, time);
      return;
    }
    this.#tree.claim(this.#maker.makeHardlink(entry, target, dir, base, time));
  }

  #copyAufs(stored: AufsFile, entry: TarEntry, dir: Bytes, base: Bytes, time: Time): void {
    const parent = this.#tree.openParent(dir, time);
    const fd = this.#maker.createFile(stored.entry, parent, base);
    this.#aufs.copyTo(stored, fd);
    this.#maker.finishFile({ ...stored.entry, name: entry.name }, fd, parent, base);
    this.#size += stored.entry.size;
    this.#tree.claim(join(parent.path, base));
  }

  /** The body of an entry that makes no file goes to `extra` and, when the layer is recorded, to the payload. */
  #putAside(entry: TarEntry, extra: number | null): void {
    const fds = [this.#payloadFile(entry.size), extra].filter((fd) => fd !== null);
    this.#body = fds.length === 0 ? NOWHERE : asideSink(fds);
  }

  #payloadFile(size: number): number | null {
    const { record } = this.#options;
    if (record === null || size === 0) return null;
    return record.payload.create(record.writer.payload(size));
  }

  /** What this layer wrote and something later takes the place of; the record may need its bytes again. */
  #dismiss(path: Bytes, dir: Dir, name: Bytes, stat: Stat): void {
    const type = stat.mode & S_IFMT;
    if (stat.nlink === 1 && (type === S_IFREG || type === S_IFLNK)) this.#size -= stat.size;
    const { record } = this.#options;
    if (record !== null && type === S_IFREG && stat.size > 0) {
      record.payload.adopt(record.writer.moved(path), dir, name);
    } else {
      check(this.#system.unlink(dir, name), 'unlink', path);
    }
  }
}

function cleanLinkname(entry: TarEntry): Bytes {
  try {
    return cleanName(entry.linkname);
  } catch {
    throw linkInvalid(entry, 'the target is outside the layer');
  }
}
