import type { Writable } from 'node:stream';
import type { Settings } from '../config/settings.ts';
import type { Engine, Pipeline } from '../engine.ts';
import { asEngineError } from '../errors/wire.ts';
import { type Logger, createLogger } from '../reporting/logger.ts';
import { type ProgressDisplay, type ProgressStyle, createProgress } from '../reporting/progress.ts';
import type { TaskPool } from '../tasks/task-pool.ts';
import type { EarlyPool } from './early-pool.ts';
import { type ExitCode, type Stage, exitCodeOf } from './exit-codes.ts';
import { type FailedAt, failureLine, failureText } from './failure.ts';
import type { Output } from './output.ts';

/** One run of the program, as the verbs see it. */
export interface Session {
  readonly settings: Settings;
  /** Results are wanted as JSON. */
  readonly json: boolean;
  /** Results; everything else goes to `progress.line` and `log`. */
  readonly out: Output;
  readonly progress: ProgressDisplay;
  readonly log: Logger;
  /** Aborts when the person interrupts. */
  readonly signal: AbortSignal;
  /** Opens the store, once. */
  engine(): Promise<Engine>;
  /** What works on images without a store, opened once; who says so has threads by the time the first bytes are there. */
  pipeline(threads?: 'now' | 'with-first-task', within?: Settings): Promise<Pipeline>;
  /** Tells a person of a failure that does not end the run; answers the exit code it calls for. */
  tell(thrown: unknown, at: FailedAt, stage: Stage): ExitCode;
  /** As `tell`, and prints it among the results where they are JSON. */
  fail(thrown: unknown, at: FailedAt, stage: Stage): ExitCode;
  close(): Promise<void>;
}

export interface SessionParts {
  settings: Settings;
  json: boolean;
  out: Output;
  errors: Writable & { isTTY?: boolean; columns?: number; rows?: number };
  signal: AbortSignal;
  earlyPool: EarlyPool | null;
  /** Threads may not be needed at all, as it looked from the command line: the first task starts them. */
  fetches: boolean;
}

export function openSession(parts: SessionParts): Session {
  const { settings, json, out, signal } = parts;
  const progress = createProgress(progressStyle(settings, parts.errors.isTTY === true), {
    write: (text) => parts.errors.write(text),
    get columns() {
      return parts.errors.columns;
    },
    get rows() {
      return parts.errors.rows;
    },
  });
  out.writeThrough((write) => progress.above(write));
  const log = createLogger({ ...settings.log, write: (line) => progress.line(line) });
  const tell = (thrown: unknown, at: FailedAt, stage: Stage): ExitCode => {
    const error = asEngineError(thrown);
    progress.line(failureText(error, at, settings.log.level === 'debug'));
    return exitCodeOf(error, stage);
  };
  let engine: Promise<Engine> | null = null;
  let pipeline: Promise<Pipeline> | null = null;
  // Loaded when one is needed: help and mistakes are told without it.
  const openEngine = async (): Promise<Engine> =>
    (await import('../engine.ts')).openEngine(settings, {
      log,
      signal,
      ...(await threadsFor(settings, parts.earlyPool)),
    });
  const openPipeline = async (threads: 'now' | 'with-first-task', within: Settings): Promise<Pipeline> =>
    (await import('../engine.ts')).openPipeline(within, {
      threads: parts.fetches ? 'with-first-task' : threads,
      ...(await threadsFor(within, parts.earlyPool)),
    });
  return {
    settings,
    json,
    out,
    progress,
    log,
    signal,
    engine: () => (engine ??= openEngine()),
    pipeline: (threads = 'with-first-task', within = settings) => (pipeline ??= openPipeline(threads, within)),
    tell,
    fail: (thrown, at, stage) => {
      if (json) out.json(failureLine(asEngineError(thrown), at));
      return tell(thrown, at, stage);
    },
    close: async () => {
      progress.close();
      // Whichever was opened has the threads that were started early.
      if (engine === null && pipeline === null) await parts.earlyPool?.pool.close();
      await pipeline?.then((opened) => opened.close());
      await engine?.then((opened) => opened.close());
    },
  };
}

/** The threads that were started early, if they are what the settings ask for; otherwise they are ended. */
async function threadsFor(settings: Settings, early: EarlyPool | null): Promise<{ pool?: TaskPool }> {
  if (early?.suits(settings) === true) return { pool: early.pool };
  await early?.pool.close();
  return {};
}

/** How progress is shown: `auto` looks at whether a person sees it. */
export function progressStyle({ progress }: Settings, terminal: boolean): ProgressStyle {
  if (progress !== 'auto') return progress;
  return terminal && process.env['TERM'] !== 'dumb' ? 'bar' : 'plain';
}
