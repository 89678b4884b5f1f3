// What a store costs as it grows: npx tsx bench/scenarios/scale.ts [directory on tmpfs] [images ...]
// The files of the store are written directly; each size is measured in a process of its own.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openDriver } from '../../src/drivers/registry.ts';
import { Graph } from '../../src/graph/graph.ts';
import { TagStore } from '../../src/graph/tag-store.ts';
import { emptyV1Image, encodeImageJson } from '../../src/image/v1-compat.ts';
import { createInlinePool } from '../../src/pool/inline-pool.ts';
import { marshalGo } from '../../src/reporting/go-json.ts';
import { openSystem } from '../../src/system/select.ts';

const DRIVER = 'overlay2';
const CHAIN = 10;
const CALLERS = 100;
const LOOK_UPS = 10_000;
const SETS = 10_000;

const idOf = (number: number): string => createHash('sha256').update(String(number)).digest('hex');

/** Chains of ten layers, every second one with nine children on its top. */
const parentOf = (number: number): number | null => {
  const at = number % (2 * CHAIN);
  if (at === 0) return null;
  return at < CHAIN ? number - 1 : number - at + CHAIN - 1;
};

function makeStore(root: string, images: number): void {
  const home = join(root, DRIVER);
  mkdirSync(join(home, 'l'), { recursive: true });
  writeFileSync(
    join(root, 'layermill.json'),
    JSON.stringify({ format: 1, driver: DRIVER, version: '0', adopted: false }),
  );
  for (let number = 0; number < images; number++) {
    const [id, above] = [idOf(number), parentOf(number)];
    const metadata = join(root, 'graph', id);
    mkdirSync(metadata, { recursive: true });
    const parent = above === null ? '' : idOf(above);
    const created = new Date(1_700_000_000_000 + number).toISOString();
    writeFileSync(join(metadata, 'json'), encodeImageJson({ ...emptyV1Image(id), parent, created, os: 'linux' }));
    writeFileSync(join(metadata, 'layersize'), '0');
    const info = { format: 1, diffId: `sha256:${id}`, tarSize: 1024, entries: 0 };
    writeFileSync(join(metadata, 'layer.json'), JSON.stringify(info));
    mkdirSync(join(home, id, 'diff'), { recursive: true });
    writeFileSync(join(home, id, 'link'), id.slice(0, 10));
    symlinkSync(`../${id}/diff`, join(home, 'l', id.slice(0, 10)));
  }
  const tags = new Map<string, Map<string, string>>();
  for (let number = 0; number < images; number++) {
    const name = `registry.example.com/team-${number % 100}/app-${Math.floor(number / 1000)}`;
    if (!tags.has(name)) tags.set(name, new Map());
    tags.get(name)!.set(`v${number}`, idOf(number));
  }
  writeFileSync(join(root, `repositories-${DRIVER}`), marshalGo({ Repositories: tags }));
}

async function open(root: string): Promise<{ graph: Graph; tags: TagStore }> {
  const pool = createInlinePool(() => Promise.reject(new Error('no bytes are touched here')));
  const driver = await openDriver(DRIVER, { home: join(root, DRIVER), pool, readOnly: false });
  const graph = await Graph.open(root, driver, { pool, system: openSystem() });
  const tags = await TagStore.open(join(root, `repositories-${DRIVER}`), graph);
  graph.nameImagesBy((id) => tags.namesOf(id));
  return { graph, tags };
}

const results: Record<string, number> = {};

/** Notes milliseconds per turn. */
async function timed<Value>(what: string, work: () => Promise<Value>, turns = 1): Promise<Value> {
  const began = performance.now();
  const value = await work();
  results[what] = (performance.now() - began) / turns;
  return value;
}

async function count(all: AsyncIterable<unknown>): Promise<number> {
  let number = 0;
  for await (const _each of all) number++;
  return number;
}

async function spread(turns: number, work: (turn: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < turns) await work(next++);
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
}

async function measure(root: string, images: number): Promise<void> {
  const { graph, tags } = await timed('open (ms)', () => open(root));
  const picks = Array.from({ length: LOOK_UPS }, (_, at) => (at * 7919) % images);
  const ids = picks.map(idOf);
  const prefixes = ids.map((id) => id.slice(0, 12));
  const lookUp = async (names: string[]): Promise<void> => {
    for (const name of names) await tags.lookupImage(name);
  };
  await timed('the first 1000 lookupImage (us)', () => lookUp(ids.slice(0, 1000)));
  await timed('lookupImage by id (us)', () => lookUp(ids), LOOK_UPS / 1000);
  await timed('lookupImage by prefix (us)', () => lookUp(prefixes), LOOK_UPS / 1000);
  const nameOf = (pick: number): string =>
    `registry.example.com/team-${pick % 100}/app-${Math.floor(pick / 1000)}:v${pick}`;
  await timed('lookupImage by name (us)', () => lookUp(picks.map(nameOf)), LOOK_UPS / 1000);
  await timed('has children, first (ms)', async () => graph.hasChildren(idOf(0)));
  await timed('heads (ms)', () => count(graph.heads()));
  await timed('byParent (ms)', () => count(graph.byParent()));
  await timed('one set (ms)', () => tags.set('one', 'x', idOf(0), true));
  await timed(`${SETS} sets by ${CALLERS} (ms)`, () =>
    spread(SETS, (turn) => tags.set(`set-${turn % 50}`, `${turn}`, idOf((turn * 2 * CHAIN) % images))),
  );
  await timed(`${SETS} tag deletes by ${CALLERS} (ms)`, () =>
    spread(SETS, (turn) => tags.delete(`set-${turn % 50}`, `${turn}`)),
  );
  const leaves = Array.from({ length: 100 * CHAIN }, (_, at) => at)
    .filter((at) => at % (2 * CHAIN) >= CHAIN && graph.has(idOf(at)))
    .slice(0, 101);
  const [last, ...others] = leaves;
  await timed(
    'graph delete (ms)',
    async () => {
      for (const leaf of others) await graph.delete(idOf(leaf), { force: true });
    },
    others.length,
  );
  await graph.close();
  const again = await timed('open again (ms)', () => open(root));
  await timed('has children, with the index (ms)', async () => again.graph.hasChildren(idOf(0)));
  await timed('delete after that (ms)', () => again.graph.delete(idOf(last!), { force: true }));
  await again.graph.close();
  results['peak RSS (MB)'] = process.resourceUsage().maxRSS / 1024;
}

const [directory = '/dev/shm', ...given] = process.argv.slice(2);
if (given[0] === 'child') {
  await measure(directory, Number(given[1]));
  console.log(JSON.stringify(results));
} else {
  const sizes = given.length > 0 ? given.map(Number) : [1000, 10_000, 100_000];
  const columns: Record<string, number>[] = [];
  for (const images of sizes) {
    const root = mkdtempSync(join(directory, 'layermill-scale-'));
    try {
      makeStore(root, images);
      // Nothing is recorded of files that are younger than two seconds.
      await setTimeout(2500);
      const child = [...process.execArgv, fileURLToPath(import.meta.url), root, 'child', String(images)];
      const printed = execFileSync(process.execPath, child, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
      columns.push(JSON.parse(printed) as Record<string, number>);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  }
  console.table(
    Object.fromEntries(
      Object.keys(columns[0]!).map((what) => [
        what,
        Object.fromEntries(columns.map((column, at) => [sizes[at], Number(column[what]!.toFixed(2))])),
      ]),
    ),
  );
}
