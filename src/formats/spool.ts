import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SpoolBudget, type SpoolShare } from '../streams/spool-budget.ts';
import type { FormatContext } from './context.ts';

/** A directory for an archive that cannot be read where it is, and its share of the budget. */
export interface Spool {
  readonly path: string;
  readonly share: SpoolShare;
  /** Removes a file in it. */
  forget(file: string): Promise<void>;
  remove(): Promise<void>;
}

export async function openSpool({ tempDir, spool = new SpoolBudget(Infinity) }: FormatContext): Promise<Spool> {
  const path = await mkdtemp(join(tempDir, 'layermill-archive-'));
  const share = spool.share();
  return {
    path,
    share,
    forget: async (file) => {
      const { size } = await stat(file);
      await rm(file);
      share.add(-size);
    },
    remove: async () => {
      try {
        await rm(path, { recursive: true, force: true });
      } finally {
        share.release();
      }
    },
  };
}
