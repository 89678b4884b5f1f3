import type { Spread } from './statistics.ts';

export const REPORT_FORMAT = 1;

/** The scenarios, in the order in which they run. */
export const SCENARIOS = ['register', 'create', 'diff', 'layer', 'export', 'copy'] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** What one `layermill bench` found: what `--json` writes, `--html` shows and `--compare` reads. */
export interface BenchReport {
  format: typeof REPORT_FORMAT;
  layermill: string;
  /** ISO 8601. */
  started: string;
  machine: Machine;
  corpus: CorpusFacts;
  rounds: number;
  cache: CacheFacts;
  /** Where stores and outputs were; `WORK` in the commands. */
  work: { path: string; fileSystem: string };
  peers: { tool: string; version: string }[];
  cases: BenchCase[];
  best: BestSetting;
  /** What a reader of the numbers has to know. */
  notes: string[];
}

export interface Machine {
  cpu: string;
  cores: number;
  memoryBytes: number;
  kernel: string;
  node: string;
}

export interface CorpusFacts {
  /** For people: `synthetic, seed 1` or the sources. */
  description: string;
  images: number;
  /** Distinct layers, the bytes of their tars and the entries in them. */
  layers: number;
  bytes: number;
  entries: number;
  /** Digest over all DiffIDs: two runs with the same one measured the same bytes. */
  identity: string;
}

export interface CacheFacts {
  wanted: 'warm' | 'cold';
  /** What was really done, as a sentence. */
  done: string;
}

/** One question (scenario and packing), and everyone who answered it in turn. */
export interface BenchCase {
  scenario: ScenarioName;
  /** `none`, `gzip:4`; of the input for `register`, of the output elsewhere; null where nothing is packed. */
  packing: string | null;
  work: Work;
  entrants: Entrant[];
}

/** What one run gets through. */
export interface Work {
  bytes: number;
  entries: number;
  images: number;
}

export interface Entrant {
  /** `layermill`, or the name of a peer. */
  tool: string;
  /** Null where the tool decides. */
  threads: number | null;
  /** As a person would type them; `RUN` is a new directory for each run. */
  commands: string[];
  samples: Sample[];
  /** Bytes of what it made; null where that is a tree. */
  outBytes: number | null;
  /** What is not the same about its work. */
  differs: string | null;
  /** Why there are no samples; null when all went well. */
  failure: string | null;
}

/** One measured run. */
export interface Sample {
  seconds: number;
  /** User and system time of the process and of all it waited for; null where a daemon works or the system is mute. */
  cpuSeconds: number | null;
  /** Peak memory of the processes. */
  peakBytes: number | null;
}

export interface BestSetting {
  threads: number | null;
  packing: { compression: string; level: number } | null;
  /** What to type, for people. */
  sentences: string[];
}

/** A peer beside ours: how many times as long it took, round by round. */
export interface PeerRatio {
  scenario: ScenarioName;
  packing: string | null;
  tool: string;
  times: Spread;
  /** Bytes of its output over ours; null where there is none. */
  size: number | null;
  differs: string | null;
}

export const OURS = 'layermill';

/** Names a case for people and as a key. */
export function caseName({ scenario, packing }: Pick<BenchCase, 'scenario' | 'packing'>): string {
  return packing === null ? scenario : `${scenario} ${packing}`;
}

export function secondsOf(entrant: Entrant): number[] {
  return entrant.samples.map((sample) => sample.seconds);
}
