import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Peer } from '../stage.ts';
import { bytesBelow } from '../tree-work.ts';
import { nothing } from './outcomes.ts';

/** GNU tar: the yardstick for reading and writing many files. */
export function tarPeer(version: string): Peer {
  const tool = 'GNU tar';
  return {
    tool,
    version,
    register: ({ plain }) => {
      if (plain === null) return [];
      const into = (run: string, index: number): string => join(run, `layer-${index}`);
      return [
        {
          tool,
          threads: null,
          differs: 'only unpacks each layer: it hashes, records and commits nothing',
          prepare: (run) => plain.layers.forEach((_, index) => mkdirSync(into(run, index))),
          commands: (run) =>
            plain.layers.map(({ path }, index) => ({
              args: ['tar', '--numeric-owner', '-xf', path, '-C', into(run, index)],
            })),
          outcome: nothing,
        },
      ];
    },
    create: ({ tree }) => [
      {
        tool,
        threads: null,
        differs: 'only writes a tar of the directory: it hashes nothing and makes no copy of the tree in a store',
        commands: (run) => [{ args: ['tar', '--numeric-owner', '-cf', join(run, 'tree.tar'), '-C', tree, '.'] }],
        outcome: (run) => Promise.resolve({ outBytes: bytesBelow(join(run, 'tree.tar')), fingerprint: null }),
      },
    ],
  };
}
