import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Readable } from 'node:stream';

const PROGRAM = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

// Anybody can build the program, so that it is missing fails these tests and never leaves them out.
if (!existsSync(PROGRAM))
  throw new Error(`${PROGRAM} is missing; \`npm run build\` makes it, and \`npm test\` by itself`);

export interface CliResult {
  code: number | null;
  stdout: Buffer;
  stderr: string;
  /** Each line of stdout as JSON. */
  lines: unknown[];
}

export interface RunOptions {
  env?: Record<string, string>;
  input?: Uint8Array;
}

/** A store of its own, and the built program to use it with. */
export class CliLab implements AsyncDisposable {
  readonly dir: string = mkdtempSync(join(tmpdir(), 'layermill-cli-'));
  readonly store: string = join(this.dir, 'store');
  /** What the program takes for /tmp. */
  readonly temp: string = join(this.dir, 'temp');

  /** Where it keeps what it learns. */
  readonly cache: string = join(this.dir, 'cache');

  constructor() {
    mkdirSync(this.temp);
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  /** Starts the program; stdin stays open. */
  start(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('LAYERMILL_'));
    return spawn(process.execPath, [PROGRAM, ...args], {
      env: {
        ...Object.fromEntries(inherited),
        TMPDIR: this.temp,
        LAYERMILL_ROOT: this.store,
        XDG_CACHE_HOME: this.cache,
        // Each lab would compile and keep everything once more.
        NODE_DISABLE_COMPILE_CACHE: '1',
        ...env,
      },
      stdio: 'pipe',
    });
  }

  /** Runs the program to its end. */
  async runWith({ env, input }: RunOptions, ...args: string[]): Promise<CliResult> {
    const child = this.start(args, env);
    child.stdin!.on('error', () => {});
    child.stdin!.end(input);
    return resultOf(child);
  }

  run(...args: string[]): Promise<CliResult> {
    return this.runWith({}, ...args);
  }

  /** Runs the program with `--json`; answers what it printed, one document a line. Throws when it failed. */
  async json<Value = Record<string, unknown>>(...args: string[]): Promise<Value[]> {
    const result = await this.run('--json', ...args);
    if (result.code !== 0) throw new Error(`layermill ${args.join(' ')}: exit ${result.code}\n${result.stderr}`);
    return result.lines as Value[];
  }

  /** Everything unfinished that is lying about: staging, spools, temporary files. */
  leftOvers(): string[] {
    const folders = [
      join(this.store, 'graph/_tmp'),
      ...['overlay2', 'vfs'].map((name) => join(this.store, name, 'tmp')),
      this.temp,
    ];
    return folders.flatMap((folder) =>
      existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

export async function resultOf(child: ChildProcess): Promise<CliResult> {
  const [stdout, stderr, code] = await Promise.all([
    bytesOf(child.stdout!),
    bytesOf(child.stderr!),
    new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve)),
  ]);
  return {
    code,
    stdout,
    stderr: stderr.toString(),
    get lines() {
      const text = stdout.toString().trimEnd();
      return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as unknown);
    },
  };
}

async function bytesOf(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Resolves when the program has written a line to stderr that fits. */
export function stderrLine(child: ChildProcess, fits: (line: string) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let rest = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop()!;
      if (lines.some(fits)) resolve();
    });
    child.once('close', () => reject(new Error('the program ended before it said that')));
  });
}
