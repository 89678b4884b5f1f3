import type { Command } from './measure.ts';
import type { ScenarioName, Work } from './report.ts';

/** One question and everyone who answers it, in turn, round after round. */
export interface Contest {
  scenario: ScenarioName;
  packing: string | null;
  work: Work;
  /** Files that the runs read, for the page cache. */
  inputs: readonly string[];
  entrants: readonly Contestant[];
}

export interface Contestant {
  tool: string;
  threads: number | null;
  differs: string | null;
  /** The work is done by a daemon, so that CPU time and memory of the command say nothing. */
  byDaemon?: boolean;
  /** What to run, one after the other, with an empty directory for what it makes. */
  commands(run: string): Command[];
  /** Looks at what a run made; `printed` is what its commands wrote to stdout. */
  outcome(run: string, printed: readonly string[]): Promise<Outcome>;
  /**
   * What was made, said so that different tools agree on it; null when they have no word for it. Asked after the first
   * round, untimed.
   */
  meaning?(run: string, printed: readonly string[]): Promise<string | null>;
  /** Before each run, untimed: what its commands need in the directory. */
  prepare?(run: string): void;
  /** Once before the first round, and once after the last. */
  begin?(): Promise<void>;
  end?(): Promise<void>;
  /** Takes away what a run left outside its directory. */
  afterRun?(run: string, printed: readonly string[]): Promise<void>;
}

export interface Outcome {
  /** Bytes of the files it made; null for a tree. */
  outBytes: number | null;
  /** Must be the same in every round and with any number of threads; null when nothing of it can be the same. */
  fingerprint: string | null;
}

/** A command as a person would type it. `names` are directories with a short name, `/tmp/x` → `WORK`. */
export function shownCommand(command: Command, names: ReadonlyMap<string, string>): string {
  const words = [...command.args.map(quoted), ...(command.stdout === undefined ? [] : ['>', quoted(command.stdout)])];
  let line = words.join(' ');
  for (const [path, name] of names) line = line.replaceAll(path, name);
  return line;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./{}[\]-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
