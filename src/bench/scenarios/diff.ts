import { treeWork } from '../tree-work.ts';
import type { Contest, Contestant } from '../contest.ts';
import { type Program, layermill, linesOf, runOurs } from '../ours.ts';
import type { Stage } from '../stage.ts';

/** `create --rootfs`: a whole tree is compared with its parent, and the difference becomes an image. */
export async function diffContests({ corpus, grid, programs }: Stage): Promise<Contest[]> {
  const tree = await corpus.changedTree();
  const { store, largestImage, setup } = corpus;
  const ours = (program: Program, threads: number): Contestant => ({
    tool: program.label,
    threads,
    differs: null,
    commands: () => [layermill(program, store, threads, 'create', '--rootfs', tree, '--parent', largestImage.id)],
    outcome: (_run, [printed]) =>
      Promise.resolve({ outBytes: null, fingerprint: String(linesOf(printed!)[0]!['diffId']) }),
    afterRun: async (_run, [printed]) => {
      const id = String(linesOf(printed!)[0]!['id']);
      await runOurs(program, setup.signal, layermill(program, store, null, 'rm', id));
    },
  });
  const entrants = programs.flatMap((program) => grid.threads.map((threads) => ours(program, threads)));
  return [{ scenario: 'diff', packing: null, work: treeWork(tree), inputs: [], entrants }];
}
