import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isEngineError } from '../errors/kinds.ts';
import { throwIfAborted } from '../streams/abort.ts';
import { Agreement } from './agreement.ts';
import { type Contest, type Contestant, shownCommand } from './contest.ts';
import type { Discards } from './discard.ts';
import { measure, sumOf } from './measure.ts';
import { type Program, failureOf } from './ours.ts';
import type { PageCache } from './page-cache.ts';
import { type BenchCase, type Entrant, type Sample, caseName } from './report.ts';

/** `running` is null when the case is complete. */
export type OnChange = (state: BenchCase, running: Entrant | null) => void;

export interface Track {
  /** A directory of ours; runs get new ones in it. */
  work: string;
  rounds: number;
  programs: readonly Program[];
  cache: PageCache;
  discards: Discards;
  signal: AbortSignal | undefined;
  /** Told of every case as it grows, and who runs now. */
  onChange: OnChange;
}

/**
 * Runs everybody in turn, round after round (A B A B), so that all of them meet the same moods of the machine. A peer that
 * fails is out, and the reason is kept. Throws what went wrong in ours, and RESULTS_DIFFER.
 */
export async function runContest(contest: Contest, track: Track): Promise<BenchCase> {
  const { scenario, packing, work } = contest;
  const runners = contest.entrants.map((contestant) => new Runner(contestant, contest, track));
  const state: BenchCase = { scenario, packing, work, entrants: runners.map(({ entrant }) => entrant) };
  const agreement = new Agreement(caseName(state));
  try {
    for (const runner of runners) await runner.begin();
    for (let round = 0; round < track.rounds; round++) {
      for (const runner of runners) {
        track.onChange(state, runner.entrant);
        await runner.run(round, agreement);
      }
    }
  } finally {
    for (const runner of runners) await runner.end();
  }
  track.onChange(state, null);
  return state;
}

let runs = 0;

class Runner {
  readonly entrant: Entrant;
  readonly #contestant: Contestant;
  readonly #contest: Contest;
  readonly #track: Track;
  readonly #program: Program | undefined;
  #begun = false;

  constructor(contestant: Contestant, contest: Contest, track: Track) {
    this.#contestant = contestant;
    this.#contest = contest;
    this.#track = track;
    const { tool, threads, differs } = contestant;
    this.#program = track.programs.find(({ label }) => label === tool);
    this.entrant = { tool, threads, commands: [], samples: [], outBytes: null, differs, failure: null };
  }

  begin(): Promise<void> {
    return this.#forgiving(async () => {
      this.#begun = true;
      await this.#contestant.begin?.();
    });
  }

  async end(): Promise<void> {
    if (this.#begun) await this.#forgiving(async () => this.#contestant.end?.());
  }

  async run(round: number, agreement: Agreement): Promise<void> {
    if (this.entrant.failure !== null) return;
    const run = join(this.#track.work, `run-${runs++}`);
    await mkdir(run);
    try {
      await this.#forgiving(() => this.#measured(run, round, agreement));
    } finally {
      await this.#track.discards.discard(run);
    }
  }

  async #measured(run: string, round: number, agreement: Agreement): Promise<void> {
    const { entrant } = this;
    this.#contestant.prepare?.(run);
    const commands = this.#contestant.commands(run);
    entrant.commands = commands.map((command) => shownCommand(command, this.#names(run)));
    this.#track.cache.ready(this.#contest.inputs);
    const samples: Sample[] = [];
    const printed: string[] = [];
    for (const command of commands) {
      const { sample, code, stdout, stderr } = await measure(command, this.#track.signal);
      if (code !== 0) throw this.#failure(stdout, stderr, code);
      samples.push(sample);
      printed.push(stdout);
    }
    try {
      const outcome = await this.#contestant.outcome(run, printed);
      agreement.sameBytes(entrant, outcome);
      if (round === 0) agreement.sameMeaning(entrant, (await this.#contestant.meaning?.(run, printed)) ?? null);
      entrant.outBytes = outcome.outBytes;
      entrant.samples.push(this.#counted(sumOf(samples)));
    } finally {
      await this.#contestant.afterRun?.(run, printed);
    }
  }

  #counted(sample: Sample): Sample {
    return this.#contestant.byDaemon === true ? { ...sample, cpuSeconds: null, peakBytes: null } : sample;
  }

  #failure(printed: string, stderr: string, code: number | null): Error {
    if (this.#program !== undefined) return failureOf(this.#program, printed, stderr, code);
    return new Error(`exit code ${code ?? 'of a signal'}: ${stderr.trim().split('\n').at(-1) ?? ''}`);
  }

  /** A peer's own troubles are kept as its result. Ours are thrown, and so is every difference of what was made. */
  async #forgiving(work: () => Promise<void>): Promise<void> {
    try {
      throwIfAborted(this.#track.signal);
      await work();
    } catch (error) {
      if (this.#program !== undefined || isFatal(error)) throw error;
      this.entrant.failure = error instanceof Error ? error.message : String(error);
      this.entrant.samples = [];
    }
  }

  #names(run: string): Map<string, string> {
    const interpreters = this.#track.programs.map(({ command, label }): [string, string] => [command.join(' '), label]);
    return new Map([...interpreters, [run, 'RUN'], [this.#track.work, 'WORK']]);
  }
}

function isFatal(error: unknown): boolean {
  return isEngineError(error) && (error.kind === 'Integrity' || error.kind === 'Cancelled');
}
