import { join } from 'node:path';
import type { Peer } from '../stage.ts';
import { nothing } from './outcomes.ts';

/** umoci unpacks images of OCI layouts, each into a bundle of its own. It knows no zstd in the versions that are common. */
export function umociPeer(version: string, isRoot: boolean): Peer {
  return {
    tool: 'umoci',
    version,
    register: ({ images, layout, compression }) => {
      if (layout === null || compression === 'zstd' || images.some(({ name }) => name === null)) return [];
      return [
        {
          tool: 'umoci',
          threads: null,
          differs: 'makes a bundle of each image with a list of its files; layers that images share are unpacked again',
          commands: (run) =>
            images.map(({ name }, index) => ({
              args: [
                'umoci',
                'unpack',
                ...(isRoot ? [] : ['--rootless']),
                '--image',
                `${layout}:${name}`,
                join(run, `bundle-${index}`),
              ],
            })),
          outcome: nothing,
        },
      ];
    },
  };
}
