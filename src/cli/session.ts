import type { Writable } from 'node:stream';
import type { Settings } from '../config/settings.ts';
import type { Engine } from '../engine.ts';
import { asEngineError } from '../errors/wire.ts';
import { type Logger, createLogger } from '../reporting/logger.ts';
import { type ProgressDisplay, type ProgressStyle, createProgress } from '../reporting/progress.ts';
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
  return {
    settings,
    json,
    out,
    progress,
    log,
    signal,
    engine: () => (engine ??= open(settings, { log, signal }, parts.earlyPool)),
    tell,
    fail: (thrown, at, stage) => {
      if (json) out.json(failureLine(asEngineError(thrown), at));
      return tell(thrown, at, stage);
    },
    close: async () => {
      progress.close();
      await (engine === null ? parts.earlyPool?.pool.close() : engine.then((opened) => opened.close()));
    },
  };
}

/** Loaded when a store is needed: help and mistakes are told without it. */
async function open(
  settings: Settings,
  options: { log: Logger; signal: AbortSignal },
  early: EarlyPool | null,
): Promise<Engine> {
  const { openEngine } = await import('../engine.ts');
  if (early?.suits(settings) === true) return openEngine(settings, { ...options, pool: early.pool });
  await early?.pool.close();
  return openEngine(settings, options);
}

/** How progress is shown: `auto` looks at whether a person sees it. */
export function progressStyle({ progress }: Settings, terminal: boolean): ProgressStyle {
  if (progress !== 'auto') return progress;
  return terminal && process.env['TERM'] !== 'dumb' ? 'bar' : 'plain';
}
