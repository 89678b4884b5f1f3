import type { Digest } from '../identity/digest.ts';
import type { HistoryEntry } from './history.ts';
import type { Platform } from './image-source.ts';

/** What the config of an image says (OCI image spec, config.md), and the bytes that say it. */
export interface ImageConfig {
  /** Never re-serialised: their sha256 is the image's id. */
  raw: Buffer;
  digest: Digest;
  /** Null when the operating system or the architecture is not said. */
  platform: Platform | null;
  /** RFC 3339 with up to nine decimals, as written. */
  created: string | null;
  author: string | null;
  comment: string | null;
  dockerVersion: string | null;
  /** What a container of the image runs with; never interpreted. */
  config: unknown;
  /** Base first. */
  diffIds: Digest[];
  history: HistoryEntry[];
  /** Accepted oddities worth a line to the person. */
  warnings: string[];
}
