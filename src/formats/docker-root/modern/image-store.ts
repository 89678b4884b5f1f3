import { isEngineError } from '../../../errors/kinds.ts';
import { type Digest, digestHex, isDigest } from '../../../identity/digest.ts';
import { decodeConfig } from '../../../image/decode-config.ts';
import type { DocumentLimits } from '../../../image/document-limits.ts';
import type { ImageConfig } from '../../../image/image-config.ts';
import { verifyBlob } from '../../../image/manifest.ts';
import { quoted } from '../../../image/strict-json.ts';
import { decodeRepositories } from '../../../image/v1-compat.ts';
import { memberInvalid } from '../../members.ts';
import { taggedName } from '../../names.ts';
import type { RootFiles } from '../root-files.ts';

/** What an image is called: `repository:tag`, and `repository@sha256:…` in registries. */
export interface ImageNames {
  names: string[];
  digests: string[];
}

/** `image/<driver>/imagedb` and `repositories.json` of Docker 1.10 and newer. */
export class ImageStore {
  readonly #files: RootFiles;
  readonly #home: string;
  readonly #limits: DocumentLimits | undefined;

  /** `home` is `image/<driver>`. */
  constructor(files: RootFiles, home: string, limits: DocumentLimits | undefined) {
    this.#files = files;
    this.#home = home;
    this.#limits = limits;
  }

  /** Every image, also those that have children and no name. */
  async ids(): Promise<Digest[]> {
    const names = await this.#files.names(`${this.#home}/imagedb/content/sha256`);
    return names.map((name) => `sha256:${name}`).filter(isDigest);
  }

  /** The images that another one was built on. */
  async parents(): Promise<Set<string>> {
    const home = `${this.#home}/imagedb/metadata/sha256`;
    const parents = new Set<string>();
    for (const id of await this.#files.names(home)) {
      const parent = await this.#files.text(`${home}/${id}/parent`);
      if (parent !== null) parents.add(parent);
    }
    return parents;
  }

  /** The config, which must have the digest that it is stored under. Throws DIGEST_MISMATCH, CONFIG_INVALID, … */
  async config(id: Digest): Promise<ImageConfig> {
    const path = `${this.#home}/imagedb/content/sha256/${digestHex(id)}`;
    const raw = await this.#files.read(path, this.#limits);
    if (raw === null) throw memberInvalid(path, 'it is missing');
    verifyBlob(raw, { digest: id }, 'the image config');
    return decodeConfig(raw, this.#limits);
  }

  /** The names of all images; what is no name becomes a warning. */
  async names(warnings: string[]): Promise<Map<string, ImageNames>> {
    const path = `${this.#home}/repositories.json`;
    const found = new Map<string, ImageNames>();
    try {
      const raw = await this.#files.read(path, { bytes: 256 * 1024 * 1024, depth: 8, layers: 0, nesting: 0 });
      if (raw === null) return found;
      for (const [, references] of decodeRepositories(raw)) {
        for (const [reference, id] of references) addName(found, id, reference, warnings);
      }
    } catch (error) {
      if (!isEngineError(error) || error.kind === 'Internal') throw error;
      warnings.push(`${quoted(path)} is damaged, so that images have no names: ${error.message}`);
    }
    return found;
  }
}

function addName(found: Map<string, ImageNames>, id: string, reference: string, warnings: string[]): void {
  const own = found.get(id) ?? { names: [], digests: [] };
  found.set(id, own);
  if (reference.includes('@')) {
    own.digests.push(reference);
    return;
  }
  try {
    own.names.push(taggedName(reference));
  } catch {
    warnings.push(`${quoted(reference)} is no name; the image is given without it`);
  }
}
