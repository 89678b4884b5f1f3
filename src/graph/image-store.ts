import { existsSync, readFileSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { engineError } from '../errors/kinds.ts';
import { errnoOf } from '../errors/system-error.ts';
import type { Digest } from '../identity/digest.ts';
import { validateImageId } from '../identity/image-id.ts';
import { decodeImageJson, decodeLayerSize, type V1Image } from '../image/v1-compat.ts';
import { decodeStoredV1 } from '../image/v1-parent.ts';
import { removeTree } from '../archive/remove-tree.ts';
import { writeFileAtomic } from '../streams/atomic-file.ts';
import { type HeldLock, tryLockExisting } from '../streams/lock-file.ts';
import {
  type StagingDir,
  type StagingTools,
  createStagingDir,
  createTempDir,
  sweepStagingDirs,
} from '../streams/temp-dir.ts';
import type { System } from '../system/system.ts';
import type { Image, LayerInfo } from './image.ts';
import { decodeLayerInfo, encodeLayerInfo } from './layer-file.ts';

export const JSON_FILE = 'json';
const SIZE_FILE = 'layersize';
const CONFIG_FILE = 'config';
const MANIFEST_FILE = 'manifest';
const LAYER_FILE = 'layer.json';
/** Docker 1.8.3 and 1.9: the real parent of an image, where its JSON says one derived from content. */
const PARENT_FILE = 'parent';

/** The files of images: `graph/<id>/` as Docker lays them out, and ours beside them. */
export class ImageStore {
  readonly root: string;
  readonly #readOnly: boolean;
  readonly #tools: StagingTools;

  constructor(root: string, system: System, readOnly: boolean) {
    this.root = root;
    this.#readOnly = readOnly;
    this.#tools = {
      flock: (fd, mode) => system.lock(fd, mode),
      removeTree: (path) => removeTree(system, Buffer.from(path).toString('latin1')),
    };
  }

  imageRoot(id: string): string {
    return `${this.root}/${id}`;
  }

  /** A new directory below `_tmp`, locked while it is in use; elsewhere when nothing may be written here. */
  stage(): Promise<StagingDir> {
    return this.#readOnly ? createTempDir() : createStagingDir(join(this.root, '_tmp'), this.#tools);
  }

  /** Removes staging directories that nobody works in; `before` sees each of them first. */
  sweep(before: (path: string) => Promise<void>): Promise<void> {
    return sweepStagingDirs(join(this.root, '_tmp'), this.#tools, before);
  }

  /** True when there is a directory for the image, whatever is in it. */
  hasDirectory(id: string): boolean {
    return existsSync(this.imageRoot(id));
  }

  /** Locks an image as `LockImage` says. Its JSON is never replaced: while it has its name it is the same file. */
  lock(id: string, mode: 'shared' | 'exclusive'): HeldLock | null {
    const lock = tryLockExisting(join(this.imageRoot(id), JSON_FILE), mode, this.#tools.flock);
    if (lock === 'held') return null;
    // Nobody can use an image without one, and whoever removes what is left of it needs no lock.
    if (lock === 'missing') return mode === 'exclusive' ? { release: () => {} } : null;
    return lock;
  }

  /**
   * Loads an image; `size` is -1 when it was never counted. Throws IMAGE_NOT_FOUND when there is none, JSON_INVALID or
   * CHAIN_INVALID when its files are damaged.
   */
  load(id: string): Image {
    return { ...this.#describe(id).image, size: this.#size(id) };
  }

  /** The parent of an image, empty for a base: half of the files that `load` reads. Throws as `load` does. */
  parentOf(id: string): SaidParent {
    const { image, inJson } = this.#describe(id);
    return { parent: image.parent, inJson };
  }

  rawJson(id: string): Promise<Buffer> {
    return readFile(join(this.imageRoot(id), JSON_FILE));
  }

  /** The config of a content-addressed image, byte for byte; null for every other image. */
  config(id: string): Promise<Buffer | null> {
    return readOptional(join(this.imageRoot(id), CONFIG_FILE));
  }

  manifest(id: string): Promise<Buffer | null> {
    return readOptional(join(this.imageRoot(id), MANIFEST_FILE));
  }

  /** What we noted of an image; null for one that Docker wrote. Throws JSON_INVALID. */
  async info(id: string): Promise<LayerInfo | null> {
    const raw = await readOptional(join(this.imageRoot(id), LAYER_FILE));
    return raw === null ? null : decodeLayerInfo(raw, id);
  }

  /** Those of the digests that our notes of an image mention: much faster than `info` where very many images are asked. */
  mentioned(id: string, digests: Iterable<Digest>): Digest[] {
    const raw = readText(join(this.imageRoot(id), LAYER_FILE));
    return raw === null ? [] : [...digests].filter((digest) => raw.includes(digest));
  }

  /** Notes of an image that Docker wrote what we found out about it. */
  async writeInfo(id: string, info: LayerInfo): Promise<void> {
    await writeFileAtomic(join(this.imageRoot(id), LAYER_FILE), encodeLayerInfo(info));
  }

  async writeSize(id: string, size: number): Promise<void> {
    await writeFileAtomic(join(this.imageRoot(id), SIZE_FILE), String(size));
  }

  /** Writes the metadata of an image into a staging directory, but for its JSON, which `writeJson` adds. */
  async write(dir: string, files: ImageFiles): Promise<void> {
    const options = { mode: 0o600, flag: 'wx' };
    await writeFile(join(dir, SIZE_FILE), String(files.size), options);
    await writeFile(join(dir, LAYER_FILE), encodeLayerInfo(files.info), options);
    if (files.config !== undefined) await writeFile(join(dir, CONFIG_FILE), files.config, options);
    if (files.manifest !== undefined) await writeFile(join(dir, MANIFEST_FILE), files.manifest, options);
  }

  /** A staging directory with a JSON says to a recovery: the layer of this id is ours, and to be removed with it. */
  async writeJson(dir: string, json: Buffer): Promise<void> {
    await writeFile(join(dir, JSON_FILE), json, { mode: 0o600, flag: 'wx' });
  }

  /** Takes an image's directory out of the graph at once. What is answered removes it, when its layer has gone too. */
  async takeAway(id: string): Promise<StagingDir> {
    const staging = await this.stage();
    try {
      await rename(this.imageRoot(id), staging.path);
      return staging;
    } catch (error) {
      await staging.remove();
      throw error;
    }
  }

  #describe(id: string): { image: Image; inJson: boolean } {
    const realParent = (): string | null => readText(join(this.imageRoot(id), PARENT_FILE));
    const { id: said, parentInJson, ...image } = decodeStoredV1(this.#read(id, JSON_FILE), realParent);
    if (said !== id && said !== '') {
      const shown = JSON.stringify(said.slice(0, 100));
      throw engineError('CHAIN_INVALID', `the image stored at ${id} says it is ${shown}`, { id });
    }
    if (image.parent !== '') validateImageId(image.parent);
    return { image: { id, ...image }, inJson: parentInJson };
  }

  #read(id: string, file: string): Buffer {
    try {
      return readFileSync(`${this.imageRoot(id)}/${file}`);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      throw engineError('IMAGE_NOT_FOUND', `no such image: ${id}`, { name: id }, error);
    }
  }

  #size(id: string): number {
    const text = readText(join(this.imageRoot(id), SIZE_FILE));
    return text === null ? -1 : decodeLayerSize(text);
  }
}

/** Whose child an image is; `inJson` when nothing but its JSON decides that. */
export interface SaidParent {
  parent: string;
  inJson: boolean;
}

/** The metadata of an image to be. */
export interface ImageFiles {
  size: number;
  info: LayerInfo;
  config?: Buffer;
  manifest?: Buffer;
}

/** The image that a JSON describes, its id checked. */
export function decodeChecked(json: Buffer): V1Image {
  const image = decodeImageJson(json);
  validateImageId(image.id);
  if (image.parent !== '') validateImageId(image.parent);
  return image;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

async function readOptional(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}
