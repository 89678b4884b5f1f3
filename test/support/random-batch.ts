import type { Batch, BatchEntry, BatchSource } from '../../src/batch/batch.ts';
import { EQUALITIES } from '../../src/coordinator/copy/equality.ts';
import type { Random } from './random.ts';

const ODD_TEXTS = [
  'yes',
  '1.10',
  'a: b',
  '# x',
  "it's",
  'tab\there',
  '[x]',
  '*',
  '&a',
  '!t',
  '"q"',
  ' blank ',
  'ü\u2028',
  '~',
  '0x1f',
];

/** A batch that a job file can say, of everything that a job file can say. */
export function randomBatch(random: Random): Batch {
  const entries = Array.from({ length: 1 + random.below(6) }, () => randomEntry(random));
  return {
    entries,
    limits: some(random, {
      jobs: 1 + random.below(9),
      retries: random.below(9),
      spoolBytes: 1_000_000 + random.below(1e9),
      memoryBytes: 1_000_000 + random.below(1e9),
      abortOnError: random.chance(0.5),
    }),
  };
}

/** Some of the keys. */
function some<Value extends object>(random: Random, value: Value): Partial<Value> {
  return Object.fromEntries(Object.entries(value).filter(() => random.chance(0.6))) as Partial<Value>;
}

function oneOrMore<Item>(random: Random, item: () => Item): Item[] {
  return Array.from({ length: 1 + random.below(3) }, item);
}

/** Texts that are easily something else in YAML, as regular expressions that fit them. */
function pattern(random: Random): string {
  return random.pick(ODD_TEXTS).replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function names(random: Random): { allow?: string[]; deny?: string[] } {
  const patterns = (): string[] => oneOrMore(random, () => pattern(random));
  return { deny: patterns(), ...some(random, { allow: patterns() }) };
}

const PATHS = ['/a b/x.tar', 'x.tar', './é#.tar', '-', '/a: b', "/it's"];

function randomSource(random: Random): BatchSource {
  const path = random.pick(PATHS);
  const place = `docker://${random.pick(['r.example', 'localhost:5000'])}`;
  return random.pick<() => BatchSource>([
    () => ({ type: 'location', location: path }),
    () => ({ type: 'location', location: `docker-archive:/x.tar:${random.pick(['app:1', '@0'])}` }),
    () => ({
      type: 'location',
      location: `${random.pick(['oci', 'dir', 'oci-archive', 'docker-root', 'containers-root'])}:/x`,
    }),
    () => ({ type: 'location', location: `store:app:${random.below(9)}` }),
    () => ({ type: 'location', location: `${place}/team/app:${random.below(9)}` }),
    () => ({ type: 'repository', location: `${place}/team/app` }),
    () => ({ type: 'registry', location: place, ...some(random, { repositories: names(random) }) }),
    () => ({ type: 'pattern', location: random.pick(['/a/*.tar', 'docker-archive:x/**', '/plain', 'oci:/l/{a,b}']) }),
  ])();
}

const TARGETS = [
  'oci:/out/{name}',
  'docker://m.example/x/',
  'docker-archive:/out dir/{n}.tar',
  'null:',
  'dir:/x/{path}_{tag}',
  'docker://m.example/{repository}:{tag}',
];

function randomEntry(random: Random): BatchEntry {
  const filter = { semver: ['>=1', '^2 || 3.x'], newest: 1 + random.below(9), createdSince: '90d' };
  const packing = some(random, {
    reproducible: random.chance(0.5),
    repack: random.chance(0.5),
    level: 1 + random.below(9),
  });
  return {
    source: randomSource(random),
    target: random.pick(TARGETS),
    ...some(random, {
      platforms: oneOrMore(random, () => random.pick(['linux/amd64', 'linux/arm64/v8', 'windows/amd64'])),
      referrers: random.chance(0.5),
      filter: { ...names(random), ...some(random, filter) },
      rename: oneOrMore(random, () => ({ from: `(${pattern(random)})`, to: random.pick(['x/$1', '', 'y']) })),
      packing: { compression: random.pick(['zstd', 'gzip:pako'] as const), ...packing },
      format: random.pick(['oci', 'docker'] as const),
      preserveDigests: random.chance(0.5),
      allow: random.pick(EQUALITIES),
      limits: { retries: random.below(9), ...some(random, { abortOnError: random.chance(0.5) }) },
    }),
  };
}
