import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

/** The package's own directory, seen from the sources or from the compiled program; ends in a slash. */
export function packageDirectory(): string {
  const up = import.meta.url.endsWith('.ts') ? '../../' : '../../../';
  return fileURLToPath(new URL(up, import.meta.url));
}

/** The version of this layermill. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageDirectory(), 'package.json'), 'utf8')) as { version: string };
  return version;
}

/** Where `default.json` and the profiles are. */
export function configDirectory(): string {
  return join(packageDirectory(), 'config');
}

/** Where what was learned is kept between runs: `$XDG_CACHE_HOME/layermill`. */
export function defaultCacheDirectory(env: NodeJS.ProcessEnv): string {
  const cache = env['XDG_CACHE_HOME'];
  return join(cache?.startsWith('/') === true ? cache : join(homedir(), '.cache'), 'layermill');
}

/** Where the store is when nobody says: `/var/lib/layermill` for root, else in the person's data directory. */
export function defaultRoot(env: NodeJS.ProcessEnv, uid: number | undefined): string {
  if (uid === 0) return '/var/lib/layermill';
  const data = env['XDG_DATA_HOME'];
  // A relative one is to be ignored (XDG base directory specification).
  return join(data?.startsWith('/') === true ? data : join(homedir(), '.local', 'share'), 'layermill');
}
