import { join } from 'node:path';
import { treeWork } from '../tree-work.ts';
import type { Contest } from '../contest.ts';
import { layermill, linesOf } from '../ours.ts';
import type { Stage } from '../stage.ts';

/** `create DIR`: a new image from a directory. */
export async function createContests({ corpus, grid, programs, peers }: Stage): Promise<Contest[]> {
  const tree = await corpus.tree();
  const ours = programs.flatMap((program) =>
    grid.threads.map((threads) => ({
      tool: program.label,
      threads,
      differs: null,
      commands: (run: string) => [layermill(program, join(run, 'store'), threads, 'create', tree)],
      outcome: (_run: string, [printed]: readonly string[]) =>
        Promise.resolve({ outBytes: null, fingerprint: String(linesOf(printed!)[0]!['diffId']) }),
    })),
  );
  const entrants = [...ours, ...peers.flatMap((peer) => peer.create?.({ tree }) ?? [])];
  return [{ scenario: 'create', packing: null, work: treeWork(tree), inputs: [], entrants }];
}
