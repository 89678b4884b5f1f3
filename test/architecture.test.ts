import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** From the ground up: a room imports from the floors below its own. */
const FLOORS: readonly string[][] = [
  ['errors'],
  ['identity', 'streams', 'system', 'reporting', 'config'],
  ['archive', 'compression', 'image'],
  ['tasks'],
  ['drivers', 'workers'],
  ['graph', 'formats', 'pool', 'cache'],
  ['coordinator'],
  ['batch', 'bench'],
  ['standalone-graph.ts'],
  ['engine.ts'],
  ['migrate.ts'],
  ['plan-batch.ts'],
  ['cli', 'index.ts', 'driver-suite'],
];

/** On one floor only these arrows exist. */
const ARROWS = new Set(['streams -> identity', 'streams -> system', 'archive -> compression', 'cli -> index.ts']);

/** Each third-party package has one door. */
const DOORS: Record<string, RegExp> = {
  piscina: /^src\/pool\/thread-pool\.ts$/,
  'p-queue': /^src\/coordinator\/lanes\.ts$/,
  'tar-stream': /^src\/formats\/tar-outer\.ts$/,
  minizlib: /^src\/compression\/minizlib-inflate\.ts$/,
  pako: /^src\/compression\/pako-block\.ts$/,
  'zstd-napi': /^src\/compression\/zstd\.ts$/,
  koffi: /^src\/system\//,
  'better-sqlite3': /^src\/batch\/ledger\/sqlite/,
  yaml: /^src\/batch\/job-file\//,
  semver: /^src\/batch\/image-filter\.ts$/,
  tinyglobby: /^src\/batch\/plan\//,
  'prom-client': /^src\/batch\/metrics\.ts$/,
  'smol-toml': /^src\/formats\/distribution\//,
  undici: /^src\/formats\/distribution\//,
  commander: /^src\/cli\//,
  pino: /^src\/reporting\/logger\.ts$/,
  valibot:
    /^src\/(config\/schema|image\/[a-z0-9-]+|batch\/job-file\/[a-z-]+|batch\/plan\/[a-z-]+|batch\/ledger\/[a-z-]+|batch\/report\/[a-z-]+|formats\/distribution\/(small-file|auth-file|credential-helper|registries-conf))\.ts$/,
};

const IMPORT = /(?:\bfrom|\bimport\s*\(|^import)\s*'([^'\s]+)'/gm;

/** `zstd-napi/binding.js` → `zstd-napi`. */
const packageOf = (name: string): string => name.split('/', name.startsWith('@') ? 2 : 1).join('/');

function sources(folder: string): string[] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.ts')).map((name) => posix.join(folder, name));
}

const files = [...sources('src'), ...sources('workers')];
const text = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
/** Every import, type and dynamic ones too, relative ones as paths from the root. */
const imports = new Map(
  files.map((file) => {
    const found = [...text.get(file)!.matchAll(IMPORT)].map((match) => match[1]!);
    return [file, found.map((name) => (name.startsWith('.') ? posix.join(dirname(file), name) : name))];
  }),
);

const room = (file: string): string => (file.startsWith('workers/') ? 'workers' : file.split('/')[1]!);
const floor = (file: string): number => FLOORS.findIndex((rooms) => rooms.includes(room(file)));
const local = (name: string): boolean => name.startsWith('src/') || name.startsWith('workers/');

function edges(): [from: string, to: string][] {
  return [...imports].flatMap(([from, names]) => names.filter(local).map((to): [string, string] => [from, to]));
}

function wrongWay([from, to]: [from: string, to: string]): boolean {
  if (room(from) === room(to) || floor(to) < floor(from)) return false;
  return !(floor(to) === floor(from) && ARROWS.has(`${room(from)} -> ${room(to)}`));
}

function findCycle(): string[] {
  const finished = new Set<string>();
  const visit = (file: string, path: string[]): string[] => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (finished.has(file)) return [];
    for (const next of (imports.get(file) ?? []).filter(local)) {
      const cycle = visit(next, [...path, file]);
      if (cycle.length > 0) return cycle;
    }
    finished.add(file);
    return [];
  };
  for (const file of files) {
    const cycle = visit(file, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

describe('architecture', () => {
  it('sees the imports it judges', () => {
    expect(files.length).toBeGreaterThan(20);
    expect(imports.get('src/errors/wire.ts')).toContain('src/errors/codes.ts');
  });

  it('every room has its floor, and imports point downwards', () => {
    expect(files.filter((file) => floor(file) < 0)).toEqual([]);
    expect(edges().filter(wrongWay)).toEqual([]);
  });

  it('no import cycles, types included', () => {
    expect(findCycle()).toEqual([]);
  });

  it('src never imports workers', () => {
    expect(edges().filter(([from, to]) => from.startsWith('src/') && to.startsWith('workers/'))).toEqual([]);
  });

  it('every package is imported through its door only', () => {
    const strangers = [...imports].flatMap(([from, names]) =>
      names
        .filter((name) => !local(name) && !name.startsWith('node:') && !DOORS[packageOf(name)]?.test(from))
        .map((name) => `${from} -> ${name}`),
    );
    expect(strangers).toEqual([]);
  });

  it('one barrel, no junk drawer, no file over 400 lines', () => {
    expect(files.filter((file) => /\/(index|utils?|helpers?|common)(\.ts|\/)/.test(file))).toEqual(['src/index.ts']);
    expect(files.filter((file) => text.get(file)!.split('\n').length > 401)).toEqual([]);
  });

  it('no any, and no check switched off', () => {
    const escape = /: any\b|\bas any\b|<any\b|@ts-(ignore|expect-error|nocheck)|(oxlint|eslint)-disable/;
    expect(files.filter((file) => escape.test(text.get(file)!))).toEqual([]);
  });
});
