import type { BlobCache } from '../cache/blob-cache.ts';
import type { Coordinator } from '../coordinator/coordinator.ts';
import type { FormatContext } from '../formats/context.ts';

/** What a batch works with. */
export interface BatchTools {
  coordinator: Coordinator;
  /** What sources are opened with, and what destinations: each side has its own registries. */
  from: FormatContext;
  to: FormatContext;
  cache: BlobCache | null;
}
