import type { OutputCompression } from '../compression/codec.ts';
import type { CorpusImage, CorpusLayer, PreparedCorpus } from './prepared-corpus.ts';
import type { Contestant } from './contest.ts';
import type { Grid, Packing } from './grid.ts';
import type { Program } from './ours.ts';

/** What a scenario makes its contests from. */
export interface Stage {
  corpus: PreparedCorpus;
  grid: Grid;
  /** Whom to measure; more than one when versions are compared. */
  programs: readonly Program[];
  /** Others that are asked the same. */
  peers: readonly Peer[];
  /** The sources were given by a person, and are measured as they are. */
  given: boolean;
}

/** Another tool. What it cannot do it has no method for. */
export interface Peer {
  tool: string;
  version: string;
  register?(input: RegisterInput): Contestant[];
  create?(input: { tree: string }): Contestant[];
  layer?(input: LayerInput): Contestant[];
  export?(input: ExportInput): Contestant[];
  copy?(input: ExportInput): Contestant[];
}

export interface RegisterInput {
  images: readonly CorpusImage[];
  /** The layers' plain tars and a docker-archive of them, when the input has plain layers. */
  plain: { layers: readonly CorpusLayer[]; archive: string } | null;
  /** An OCI layout, when the input is one. */
  layout: string | null;
  /** Of its layers; null for the images of a person, which may be packed in any way. */
  compression: OutputCompression | null;
}

export interface LayerInput {
  layer: CorpusLayer;
  packing: Packing;
  threads: number;
}

export interface ExportInput {
  images: readonly CorpusImage[];
  archive: string;
  packing: Packing;
  threads: number;
}
