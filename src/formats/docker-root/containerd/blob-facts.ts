import { isEngineError } from '../../../errors/kinds.ts';
import { familiarName } from '../../../identity/reference.ts';
import type { BoltBucket } from './bbolt.ts';

/** A layer that a snapshotter has unpacked. */
export interface UnpackedLayer {
  snapshotter: string;
  /** What the snapshotter calls it. */
  key: string;
}

/** Before the host of a registry that has a blob; the value are the repositories there. */
const SOURCE_LABEL = 'containerd.io/distribution.source.';

/**
 * What the metadata store of containerd says of layers and blobs. It is looked up one by one, as there are very many;
 * images can be read without it, so where it is damaged nothing is known.
 */
export class BlobFacts {
  /** By namespace. */
  readonly #schema: BoltBucket | null;

  constructor(schema: BoltBucket | null) {
    this.#schema = schema;
  }

  /** Who has unpacked the layer with this ChainID. */
  unpacked(chain: string): UnpackedLayer[] {
    return this.#inSnapshotters((layers, snapshotter) => {
      const layer = layers.bucket(chain);
      return layer === null ? [] : [{ snapshotter, key: layer.value('name')?.toString('utf8') ?? '' }];
    });
  }

  /** The snapshotters that have layers, sorted. */
  snapshotters(): string[] {
    const names = this.#inSnapshotters((layers, name) => (layers.bucketNames().length === 0 ? [] : [name]));
    return [...new Set(names)].sort();
  }

  /** The repositories that a blob came from or went to: `busybox`, `ghcr.io/a/b`. */
  sources(digest: string): string[] {
    const found = this.#inNamespaces((namespace) => {
      const labels = namespace.at('content', 'blob', digest, 'labels');
      return labels === null ? [] : labels.keys().flatMap((label) => repositoriesOf(label, labels));
    });
    return [...new Set(found)];
  }

  #inSnapshotters<Fact>(look: (layers: BoltBucket, snapshotter: string) => Fact[]): Fact[] {
    return this.#inNamespaces((namespace) => {
      const snapshots = namespace.bucket('snapshots');
      return (snapshots?.bucketNames() ?? []).flatMap((name) => look(snapshots!.bucket(name)!, name));
    });
  }

  #inNamespaces<Fact>(look: (namespace: BoltBucket) => Fact[]): Fact[] {
    return (this.#schema?.bucketNames() ?? []).flatMap((name) => {
      try {
        return look(this.#schema!.bucket(name)!);
      } catch (error) {
        if (isEngineError(error)) return [];
        throw error;
      }
    });
  }
}

function repositoriesOf(label: string, labels: BoltBucket): string[] {
  if (!label.startsWith(SOURCE_LABEL)) return [];
  const host = label.slice(SOURCE_LABEL.length);
  const paths = labels.value(label)?.toString('utf8').split(',') ?? [];
  return paths.filter((path) => path !== '').map((path) => familiarName(`${host}/${path}`));
}
