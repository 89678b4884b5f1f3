import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const BUILT = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

/** Runs a program to its end; answers what it wrote to stdout. What it says on stderr is in the error when it fails. */
export function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Runs the built command line on a store. */
export function layermill(root: string, ...args: string[]): string {
  return run(process.execPath, BUILT, '--root', root, '-q', ...args);
}

/** As `layermill`, with `--json`: the documents, one a line. */
export function layermillJson<Document>(root: string, ...args: string[]): Document[] {
  const text = layermill(root, ...args, '--json').trim();
  try {
    return [JSON.parse(text) as Document];
  } catch {
    return text.split('\n').map((line) => JSON.parse(line) as Document);
  }
}

/** Those of the programs that are not installed. */
export function missing(programs: readonly string[]): string[] {
  const folders = (process.env['PATH'] ?? '').split(':');
  return programs.filter((program) => !folders.some((folder) => existsSync(`${folder}/${program}`)));
}
