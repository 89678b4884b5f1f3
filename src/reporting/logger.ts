import { createRequire } from 'node:module';
import type { Logger as Pino, pino as makePino, stdTimeFunctions as times } from 'pino';
import { printable } from './printable.ts';

/** How much is told; each level includes those before it. */
const LEVELS = ['error', 'warn', 'info', 'debug'] as const;
type Level = (typeof LEVELS)[number];

type LogFields = Readonly<Record<string, string | number | boolean | null>>;
type Log = (message: string, fields?: LogFields) => void;

/** Where the program tells what it does; results are not logged, and errors are either logged or thrown. */
export interface Logger {
  readonly level: Level;
  error: Log;
  warn: Log;
  info: Log;
  debug: Log;
}

export interface LoggerOptions {
  level: Level;
  format: 'text' | 'json';
  /** Gets one line without its end. */
  write: (line: string) => void;
}

/** A logger that writes lines: `layermill: warning: …` for people, or newline-delimited JSON for programs. */
export function createLogger({ level, format, write }: LoggerOptions): Logger {
  const emit = format === 'json' ? jsonLines(level, write) : textLines(write);
  const at = (mine: Level): Log =>
    LEVELS.indexOf(mine) > LEVELS.indexOf(level) ? () => {} : (message, fields = {}) => emit(mine, message, fields);
  return { level, error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') };
}

type Emit = (level: Level, message: string, fields: LogFields) => void;

function textLines(write: (line: string) => void): Emit {
  return (level, message, fields) => {
    const mark = level === 'warn' ? 'warning: ' : level === 'info' ? '' : `${level}: `;
    const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
    write(printable(`layermill: ${mark}${message}${pairs.join('')}`));
  };
}

/** pino takes 40 ms to load: it is loaded by the first line, if there is one. */
function jsonLines(level: Level, write: (line: string) => void): Emit {
  let pino: Pino | undefined;
  return (mine, message, fields) => {
    pino ??= startPino(level, write);
    pino[mine](fields, message);
  };
}

function startPino(level: Level, write: (line: string) => void): Pino {
  const { pino, stdTimeFunctions } = createRequire(import.meta.url)('pino') as {
    pino: typeof makePino;
    stdTimeFunctions: typeof times;
  };
  const options = {
    level,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string): object => ({ level: label }) },
  };
  return pino(options, { write: (line) => write(line.trimEnd()) });
}
