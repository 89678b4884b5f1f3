import type { SpoolShare } from '../streams/spool-budget.ts';
import type { GraphContext } from './context.ts';

/** A directory for what a layer has to be on the disk as before a thread can read it, and its share of the budget. */
export interface LayerSpool {
  path: string;
  share: SpoolShare;
  remove(): Promise<void>;
}

export async function openLayerSpool({ store, spool }: Pick<GraphContext, 'store' | 'spool'>): Promise<LayerSpool> {
  const staging = await store.stage();
  const share = spool.share();
  const remove = async (): Promise<void> => {
    try {
      await staging.remove();
    } finally {
      share.release();
    }
  };
  return { path: staging.path, share, remove };
}
