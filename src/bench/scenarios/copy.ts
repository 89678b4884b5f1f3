import { join } from 'node:path';
import type { Contest, Contestant } from '../contest.ts';
import { type Packing, packingName } from '../grid.ts';
import { layoutMeaning } from '../layout-meaning.ts';
import { layermill, linesOf, type Program } from '../ours.ts';
import type { PreparedCorpus } from '../prepared-corpus.ts';
import type { Stage } from '../stage.ts';
import { bytesBelow } from '../tree-work.ts';

/** `copy` of a docker-archive to an OCI layout: from archive to archive, with no store and no cache between. */
export async function copyContests({ corpus, grid, programs, peers }: Stage): Promise<Contest[]> {
  const threads = Math.max(...grid.threads);
  const archive = await corpus.archive();
  return grid.packings.map((packing) => ({
    scenario: 'copy',
    packing: packingName(packing),
    work: corpus.work,
    inputs: [archive],
    entrants: [
      ...programs.flatMap((program) => grid.threads.map((many) => ours(program, corpus, archive, many, packing))),
      ...peers.flatMap((peer) => peer.copy?.({ images: corpus.images, archive, packing, threads }) ?? []),
    ],
  }));
}

function ours(
  program: Program,
  corpus: PreparedCorpus,
  archive: string,
  threads: number,
  packing: Packing,
): Contestant {
  const out = (run: string): string => join(run, 'out');
  const ends = (run: string): string[] => [`docker-archive:${archive}`, `oci:${out(run)}`];
  const how = ['--cache', 'none', ...packingFlags(packing)];
  return {
    tool: program.label,
    threads,
    differs: null,
    commands: (run) => [layermill(program, corpus.store, threads, 'copy', ...ends(run), ...how)],
    outcome: (run, [printed]) => {
      const digests = linesOf(printed!).map((line) => String(line['manifestDigest']));
      return Promise.resolve({ outBytes: bytesBelow(out(run)), fingerprint: digests.toSorted().join() });
    },
    meaning: (run) => Promise.resolve(layoutMeaning(out(run))),
  };
}

/** Plain layers are copied as they are. */
function packingFlags({ name, level }: Packing): string[] {
  return name === 'none' ? [] : ['--dest-compress-format', name, '--dest-compress-level', String(level)];
}
