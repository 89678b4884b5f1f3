import { join } from 'node:path';
import type { Contest, Contestant } from '../contest.ts';
import { type Packing, packingName } from '../grid.ts';
import { layermill, linesOf } from '../ours.ts';
import type { RegisterInput, Stage } from '../stage.ts';

/** `import` into a new store: read, check, unpack, record and commit every layer. */
export async function registerContests(stage: Stage): Promise<Contest[]> {
  if (stage.given) return [await asGiven(stage)];
  const contests: Contest[] = [];
  for (const packing of stage.grid.packings) contests.push(await packed(stage, packing));
  return contests;
}

async function asGiven(stage: Stage): Promise<Contest> {
  const { corpus, peers } = stage;
  const { images, layers } = corpus;
  const { sources } = corpus.setup;
  const layout = sources.length === 1 ? (/^oci:([^:]+)$/.exec(sources[0]!)?.[1] ?? null) : null;
  if (peers.length === 0 || layout !== null) {
    return contest(stage, null, sources, { images, plain: null, layout, compression: null });
  }
  const archive = await corpus.archive();
  const made = contest(stage, null, sources, { images, plain: { layers, archive }, layout, compression: null });
  const asIs = sources.some((source) => source === archive || source === `docker-archive:${archive}`);
  return asIs ? made : { ...made, entrants: made.entrants.map(readingAnother) };
}

/** Peers cannot read every source that layermill can, so that they get one they all can. */
function readingAnother(entrant: Contestant): Contestant {
  if (entrant.differs === null) return entrant;
  return { ...entrant, differs: `${entrant.differs}; reads the images as plain tars made from the sources` };
}

async function packed(stage: Stage, packing: Packing): Promise<Contest> {
  const { images, layers } = stage.corpus;
  const { compression } = packing;
  if (compression === 'none') {
    const archive = await stage.corpus.archive();
    const input = { images, plain: { layers, archive }, layout: null, compression };
    return contest(stage, 'none', [`docker-archive:${archive}`], input);
  }
  const layout = await stage.corpus.layout(packing);
  return contest(stage, packingName(packing), [`oci:${layout}`], { images, plain: null, layout, compression });
}

function contest(stage: Stage, packing: string | null, sources: readonly string[], input: RegisterInput): Contest {
  const entrants = [
    ...stage.programs.flatMap((program) => stage.grid.threads.map((threads) => ours(program, threads, sources))),
    ...stage.peers.flatMap((peer) => peer.register?.(input) ?? []),
  ];
  const files = sources.map((source) => source.replace(/^docker-archive:|^oci(-archive)?:/, ''));
  return { scenario: 'register', packing, work: stage.corpus.work, inputs: files, entrants };
}

function ours(program: Stage['programs'][number], threads: number, sources: readonly string[]): Contestant {
  return {
    tool: program.label,
    threads,
    differs: null,
    commands: (run) => [layermill(program, join(run, 'store'), threads, 'import', ...sources)],
    outcome: (_run, [printed]) => Promise.resolve({ outBytes: null, fingerprint: sorted(printed!, 'id') }),
    meaning: (_run, [printed]) => Promise.resolve(sorted(printed!, 'configDigest')),
  };
}

function sorted(printed: string, key: 'id' | 'configDigest'): string {
  const lines = linesOf(printed);
  return lines
    .map((line) => String(line[key] ?? line['id']))
    .toSorted()
    .join();
}
