import { join } from 'node:path';
import type { Contest, Contestant } from '../contest.ts';
import { type Packing, packingName } from '../grid.ts';
import { type Program, layermill, linesOf } from '../ours.ts';
import { packingFlags } from '../prepared-corpus.ts';
import type { Stage } from '../stage.ts';

/** `layer`: the largest layer out of the store as a file (TempLayerArchive). */
export function layerContests({ corpus, grid, programs, peers }: Stage): Contest[] {
  const layer = corpus.largestLayer;
  const ours = (program: Program, threads: number, packing: Packing): Contestant => ({
    tool: program.label,
    threads,
    differs: null,
    commands: (run) => {
      const how = packingFlags(packing);
      return [layermill(program, corpus.store, threads, 'layer', layer.id, '-o', join(run, 'layer'), ...how)];
    },
    outcome: (_run, [printed]) => {
      const [line] = linesOf(printed!) as unknown as [{ digest: string; size: number }];
      return Promise.resolve({ outBytes: line.size, fingerprint: line.digest });
    },
    meaning: (_run, [printed]) => Promise.resolve(String(linesOf(printed!)[0]!['diffId'])),
  });
  const threads = Math.max(...grid.threads);
  return grid.packings.map((packing) => ({
    scenario: 'layer',
    packing: packingName(packing),
    work: { bytes: layer.bytes, entries: layer.entries, images: 1 },
    inputs: peers.length === 0 ? [] : [layer.path],
    entrants: [
      ...programs.flatMap((program) => grid.threads.map((many) => ours(program, many, packing))),
      ...peers.flatMap((peer) => peer.layer?.({ layer, packing, threads }) ?? []),
    ],
  }));
}
