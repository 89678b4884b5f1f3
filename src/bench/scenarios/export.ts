import { join } from 'node:path';
import type { Contest, Contestant } from '../contest.ts';
import { type Packing, packingName } from '../grid.ts';
import { layoutMeaning } from '../layout-meaning.ts';
import { type Program, layermill, linesOf } from '../ours.ts';
import { type PreparedCorpus, packingFlags } from '../prepared-corpus.ts';
import { bytesBelow } from '../tree-work.ts';
import type { Stage } from '../stage.ts';

/** `export` of all images: plain layers into a docker-archive, packed ones into an OCI layout. */
export async function exportContests({ corpus, grid, programs, peers }: Stage): Promise<Contest[]> {
  const threads = Math.max(...grid.threads);
  const archive = peers.length === 0 ? '' : await corpus.archive();
  return grid.packings.map((packing) => ({
    scenario: 'export',
    packing: packingName(packing),
    work: corpus.work,
    inputs: peers.length === 0 ? [] : [archive],
    entrants: [
      ...programs.flatMap((program) => grid.threads.map((many) => ours(program, corpus, many, packing))),
      ...peers.flatMap((peer) => peer.export?.({ images: corpus.images, archive, packing, threads }) ?? []),
    ],
  }));
}

function ours(program: Program, corpus: PreparedCorpus, threads: number, packing: Packing): Contestant {
  const out = (run: string): string => join(run, 'out');
  const transport = packing.compression === 'none' ? 'docker-archive' : 'oci';
  const names = corpus.images.map(({ name, id }) => name ?? id);
  const how = packingFlags(packing);
  return {
    tool: program.label,
    threads,
    differs: null,
    commands: (run) => [
      layermill(program, corpus.store, threads, 'export', ...names, '--to', `${transport}:${out(run)}`, ...how),
    ],
    outcome: (run, [printed]) => {
      // A docker-archive has no manifests; every tar in it was checked against its DiffID while it was written.
      const digests = linesOf(printed!).map((line) => String(line['manifestDigest'] ?? line['configDigest']));
      return Promise.resolve({ outBytes: bytesBelow(out(run)), fingerprint: digests.toSorted().join() });
    },
    ...(transport === 'oci' && { meaning: (run: string) => Promise.resolve(layoutMeaning(out(run))) }),
  };
}
