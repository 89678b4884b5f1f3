import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What the graph package of Docker 0.11.1 itself wrote and answered. */
export const GOLDEN: string = join(import.meta.dirname, '../../../shared/golden/docker-0.11');

/** Why the data directory in it cannot be used here; null when it can. */
export function goldenMissing(): string | null {
  if (!existsSync(GOLDEN)) return 'the data that Docker 0.11.1 wrote is not here';
  return process.geteuid?.() === 0 ? null : 'unpacking a data directory with its owners needs root';
}

/** Unpacks the data directory; the caller removes it. */
export function unpackGoldenRoot(): { root: string; ids: string[] } {
  const root = mkdtempSync(join(tmpdir(), 'layermill-golden-'));
  execFileSync('tar', ['-xf', join(GOLDEN, 'docker-root-vfs.tar'), '--numeric-owner', '--xattrs', '-C', root]);
  return { root, ids: readFileSync(join(GOLDEN, 'ids'), 'utf8').trim().split('\n') };
}

/** What a tar holds, as `tar -tv` lists it, but for what we write other than 0.11 did: see the golden test. */
export function listedAsGolden(path: string): string[] {
  return execFileSync('tar', ['-tvf', path, '--numeric-owner', '--utc', '--full-time'], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .filter((line) => !line.endsWith(' ./'))
    .map((line) => (line.includes('.wh.') ? line.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/, 'TIME') : line))
    .map((line) => line.replace(/^h(.*) link to .*/, '-$1').replace(/\s+\d+ (?=TIME|\d{4}-)/, ' '))
    .sort();
}
