import type { TarSource } from '../../../archive/tar-source.ts';

/** A storage driver of a container engine, as its directory shows it. Ids were checked; `<id>-init` is one here. */
export interface RootDriver {
  readonly name: string;
  /** Whether it has the layer, readable or not. */
  has(id: string): Promise<boolean>;
  /** The directory that has the files of this layer (and of those below, where the driver keeps them together). */
  directory(id: string): Promise<string>;
  /**
   * What the layer changes against `parent` (null for a base).
   * Throws LAYER_NOT_FOUND when a directory is missing, LAYER_NOT_MOUNTED when its volume is not mounted.
   */
  changes(id: string, parent: string | null): Promise<TarSource>;
  /** What a container changed against `below`, its init layer or its image. */
  containerChanges(id: string, below: string): Promise<TarSource>;
}
