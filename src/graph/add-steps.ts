import type { SourceLayer } from '../image/image-source.ts';
import type { TaskCounters } from '../tasks/task-cell.ts';
import type { WorkOptions } from './context.ts';
import type { ChainLink } from './chain-link.ts';
import type { LayerWork } from './layer-work.ts';

export interface AddImageOptions extends WorkOptions {
  /** Whether layers that come packed keep their packed bytes. */
  blobs: 'keep' | 'drop';
}

/** One layer of the image on its way into the store. */
export interface Step extends ChainLink {
  layer: SourceLayer;
  /** Null when the layer is in the store already. */
  work: LayerWork | null;
  /** Whether we make it, and not another import. */
  own: boolean;
  counters: TaskCounters;
}
