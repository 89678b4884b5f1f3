import { writeEnd, writeHeader, writePadding, type WrittenEntry } from '../archive/tar-writer.ts';
import type { ByteSink } from '../compression/codec.ts';
import type { ContentMaker, Texture } from './synthetic-content.ts';

/** Files of one kind in a layer: bytes in all, and how large each is at least and at most. */
interface FileKind {
  texture: Texture;
  bytes: number;
  least: number;
  most: number;
}

export interface LayerRecipe {
  /** The directory everything is below. */
  top: string;
  kinds: readonly FileKind[];
  /** Paths of layers below that this one takes away. */
  whiteouts: readonly string[];
}

const FILES_PER_DIRECTORY = 24;
const FILES_PER_SYMLINK = 40;
const FILES_PER_HARDLINK = 200;
/** September 2020. */
const FIRST_TIME = 1_600_000_000;

/** Writes the tar of a layer; answers the path of its first file. */
export function writeLayer(recipe: LayerRecipe, maker: ContentMaker, sink: ByteSink): string {
  const layer = new LayerTar(maker, sink);
  layer.directory(`${recipe.top}/`);
  let first = '';
  let files = 0;
  let dir = recipe.top;
  for (const kind of recipe.kinds) {
    for (let left = kind.bytes; left > 0; files++) {
      if (files % FILES_PER_DIRECTORY === 0) {
        dir = nextDirectory(recipe.top, files / FILES_PER_DIRECTORY);
        layer.directory(`${dir}/`);
      }
      const size = Math.min(left, sizeBetween(kind, maker));
      const name = `${dir}/${kind.texture}-${files}`;
      layer.file(name, maker.content(kind.texture, size));
      if (files % FILES_PER_SYMLINK === 1) layer.link('symlink', `${dir}/latest-${files}`, `${kind.texture}-${files}`);
      if (files % FILES_PER_HARDLINK === 2) layer.link('hardlink', `${dir}/same-${files}`, name);
      if (first === '') first = name;
      left -= size;
    }
  }
  for (const path of recipe.whiteouts) layer.file(path.replace(/[^/]*$/, '.wh.$&'), Buffer.alloc(0));
  writeEnd(sink);
  return first;
}

/** Directories lie in one another, eight to a parent. */
function nextDirectory(top: string, index: number): string {
  const parents = index === 0 ? [] : [`part-${index >> 3}`];
  return [top, ...parents, `dir-${index}`].join('/');
}

/** Doubled from the least as often as chance says, so that most files are small. In whole numbers, for every machine. */
function sizeBetween({ least, most }: FileKind, maker: ContentMaker): number {
  let octaves = 0;
  while (least << (octaves + 1) <= most) octaves++;
  const size = least << maker.below(octaves + 1);
  return Math.min(most, size + maker.below(size));
}

class LayerTar {
  readonly #maker: ContentMaker;
  readonly #sink: ByteSink;
  readonly #directories = new Set<string>();

  constructor(maker: ContentMaker, sink: ByteSink) {
    this.#maker = maker;
    this.#sink = sink;
  }

  /** With those above it that are not there yet. */
  directory(name: string): void {
    for (let end = name.indexOf('/'); end >= 0; end = name.indexOf('/', end + 1)) {
      const path = name.slice(0, end + 1);
      if (this.#directories.has(path)) continue;
      this.#directories.add(path);
      this.#header({ name: path, type: 'dir', mode: 0o755, size: 0, linkname: '' });
    }
  }

  file(name: string, content: Buffer): void {
    const mode = this.#maker.below(8) === 0 ? 0o755 : 0o644;
    this.#header({ name, type: 'file', mode, size: content.length, linkname: '' });
    this.#sink(content);
    writePadding(content.length, this.#sink);
  }

  link(type: 'symlink' | 'hardlink', name: string, linkname: string): void {
    this.#header({ name, type, mode: type === 'symlink' ? 0o777 : 0o644, size: 0, linkname });
  }

  #header(fields: Pick<WrittenEntry, 'name' | 'type' | 'mode' | 'size' | 'linkname'>): void {
    const mtimeSec = FIRST_TIME + this.#maker.below(10_000_000);
    writeHeader({ ...fields, mtimeSec, uid: 0, gid: 0, devMajor: 0, devMinor: 0, xattrs: null }, this.#sink);
  }
}
