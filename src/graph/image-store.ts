import { readFileSync } from 'node:fs';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { engineError } from '../errors/kinds.ts';
import { errnoOf } from '../errors/system-error.ts';
import { isImageId, validateImageId } from '../identity/image-id.ts';
import { decodeImageJson, decodeLayerSize, type V1Image } from '../image/v1-compat.ts';
import { removeTree } from '../archive/remove-tree.ts';
import { type StagingDir, type StagingTools, createStagingDir, sweepStagingDirs } from '../streams/temp-dir.ts';
import type { System } from '../system/system.ts';
import type { Image, LayerInfo } from './image.ts';

export const JSON_FILE = 'json';
const SIZE_FILE = 'layersize';
const CONFIG_FILE = 'config';
const MANIFEST_FILE = 'manifest';
const LAYER_FILE = 'layer.json';

/** The files of images: `graph/<id>/` as Docker lays them out, and ours beside them. */
export class ImageStore {
  readonly root: string;
  readonly #tools: StagingTools;

  constructor(root: string, system: System) {
    this.root = root;
    this.#tools = {
      flock: (fd, mode) => system.lock(fd, mode),
      removeTree: (path) => removeTree(system, Buffer.from(path).toString('latin1')),
    };
  }

  imageRoot(id: string): string {
    return join(this.root, id);
  }

  /** A new directory below `_tmp`, locked while it is in use. */
  stage(): Promise<StagingDir> {
    return createStagingDir(join(this.root, '_tmp'), this.#tools);
  }

  /** Removes staging directories that nobody works in; `before` sees each of them first. */
  sweep(before: (path: string) => Promise<void>): Promise<void> {
    return sweepStagingDirs(join(this.root, '_tmp'), this.#tools, before);
  }

  /** The ids that have a directory, whatever is in it. */
  async ids(): Promise<string[]> {
    try {
      return (await readdir(this.root)).filter(isImageId);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    }
  }

  /**
   * Loads an image; `size` is -1 when it was never counted. Throws IMAGE_NOT_FOUND when there is none, JSON_INVALID or
   * CHAIN_INVALID when its files are damaged.
   */
  load(id: string): Image {
    const image = decodeImageJson(this.#read(id, JSON_FILE));
    if (image.id !== id) {
      throw engineError(
        'CHAIN_INVALID',
        `the image stored at ${id} says it is ${JSON.stringify(image.id.slice(0, 100))}`,
        { id },
      );
    }
    if (image.parent !== '') validateImageId(image.parent);
    return { ...image, size: this.#size(id) };
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

  /** What we noted of an image; null for one that Docker wrote. */
  async info(id: string): Promise<LayerInfo | null> {
    const raw = await readOptional(join(this.imageRoot(id), LAYER_FILE));
    return raw === null ? null : (JSON.parse(raw.toString('utf8')) as LayerInfo);
  }

  async writeSize(id: string, size: number): Promise<void> {
    await writeFile(join(this.imageRoot(id), SIZE_FILE), String(size), { mode: 0o600 });
  }

  /** Writes the metadata of an image into a staging directory. */
  async write(dir: string, files: ImageFiles): Promise<void> {
    const options = { mode: 0o600, flag: 'wx' };
    await writeFile(join(dir, SIZE_FILE), String(files.size), options);
    await writeFile(join(dir, LAYER_FILE), JSON.stringify(files.info), options);
    if (files.config !== undefined) await writeFile(join(dir, CONFIG_FILE), files.config, options);
    if (files.manifest !== undefined) await writeFile(join(dir, MANIFEST_FILE), files.manifest, options);
    await writeFile(join(dir, JSON_FILE), files.json, options);
  }

  /** Takes away a directory of the graph at once, then what it held. */
  async remove(id: string): Promise<void> {
    const staging = await this.stage();
    try {
      await rename(this.imageRoot(id), staging.path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') await rm(this.imageRoot(id), { recursive: true, force: true });
    } finally {
      await staging.remove();
    }
  }

  #read(id: string, file: string): Buffer {
    try {
      return readFileSync(join(this.imageRoot(id), file));
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      throw engineError('IMAGE_NOT_FOUND', `no such image: ${id}`, { name: id }, error);
    }
  }

  #size(id: string): number {
    try {
      return decodeLayerSize(readFileSync(join(this.imageRoot(id), SIZE_FILE), 'latin1'));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return -1;
      throw error;
    }
  }
}

/** The metadata of an image to be. */
export interface ImageFiles {
  json: Buffer;
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

async function readOptional(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}
