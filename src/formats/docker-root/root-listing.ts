import type { EngineError } from '../../errors/engine-error.ts';
import type { Digest } from '../../identity/digest.ts';
import type { ImageSource } from '../../image/image-source.ts';

/** A data directory of a container engine as a source of images, which can also say what it holds. */
export interface RootSource extends ImageSource {
  /** What is in the directory, found from its metadata alone: no layer is read. */
  listing(): Promise<RootListing>;
}

/** What a data directory holds; plain data but for the errors, for people and `--json`. */
export interface RootListing {
  /** Who wrote it: `docker-v1` is Docker 1.9 and older. */
  kind: 'docker-v1' | 'docker' | 'containerd' | 'containers';
  /** Where it lies, as the person wrote it. */
  path: string;
  /** `overlay2`, `vfs`, … */
  driver: string;
  images: ListedImage[];
  containers: ListedContainer[];
  warnings: string[];
}

export interface ListedImage {
  /** The digest of the config; a v1 id in Docker 1.9 and older. */
  id: string;
  /** `repository:tag` in familiar form. */
  names: string[];
  /** `repository@sha256:…` of the registries that the image came from or went to. */
  digests: string[];
  /** RFC 3339, as written; null where it is not said. */
  created: string | null;
  /** Bytes of all layers as far as the directory says; null when it says of none. */
  size: number | null;
  /** Base first. */
  layers: ListedLayer[];
  /** Why the image cannot be read; null when nothing is known to be wrong. */
  damaged: EngineError | null;
}

export interface ListedLayer {
  /** Null where nobody has computed it. */
  diffId: Digest | null;
  /** Bytes of the files, as the engine counted them; null where it did not. */
  size: number | null;
  /** The directory that holds the files, below `path`; null where it cannot be told. */
  dir: string | null;
  /**
   * How its tar is to be had: `exact` byte for byte, `rebuilt` from the difference to the parent, with another DiffID,
   * `unmounted` once its volume is mounted, `missing` not at all.
   */
  state: 'exact' | 'rebuilt' | 'unmounted' | 'missing';
  /** Digests of its packed forms that registries have, with the repositories where that is known. */
  registry: { digest: Digest; repository: string | null }[];
}

export interface ListedContainer {
  id: string;
  name: string;
  /** The id of its image. */
  image: string;
  running: boolean;
}
