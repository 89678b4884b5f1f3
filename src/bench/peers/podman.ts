import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { engineError } from '../../errors/kinds.ts';
import type { Contestant } from '../contest.ts';
import type { ExportInput, Peer, RegisterInput } from '../stage.ts';
import { bytesBelow } from '../tree-work.ts';

const TOOL = 'podman';

/**
 * podman with a storage of its own below `dir`, so that nothing of the person's is touched. It refuses a runroot of more
 * than 50 characters, hence the short names.
 */
const podman = (dir: string, ...words: string[]): string[] => [
  'podman',
  '--root',
  join(dir, 'podman'),
  '--runroot',
  join(dir, 'r'),
  ...words,
];

export function podmanPeer(version: string, work: string): Peer {
  return { tool: TOOL, version, register, export: (input) => exported(input, work) };
}

function register({ plain, images }: RegisterInput): Contestant[] {
  if (plain === null) return [];
  return [
    {
      tool: TOOL,
      threads: null,
      differs: 'podman load: unpacks into containers-storage',
      commands: (run) => [{ args: podman(run, 'load', '-q', '-i', plain.archive) }],
      outcome: () => Promise.resolve({ outBytes: null, fingerprint: null }),
      meaning: (run) => {
        const ids = images.map(({ name, digest }) =>
          answer(podman(run, 'image', 'inspect', '--format', '{{.Id}}', name ?? digest)),
        );
        return Promise.resolve(
          ids
            .map((id) => (id.startsWith('sha256:') ? id : `sha256:${id}`))
            .toSorted()
            .join(),
        );
      },
    },
  ];
}

function exported({ images, archive, packing }: ExportInput, work: string): Contestant[] {
  if (packing.compression !== 'none' || images.some(({ name }) => name === null)) return [];
  const names = images.map(({ name }) => name!);
  const store = join(work, 'p');
  const many = images.length > 1 ? ['-m'] : [];
  return [
    {
      tool: TOOL,
      threads: null,
      differs: 'podman save from its own storage',
      begin: () => Promise.resolve(void answer(podman(store, 'load', '-q', '-i', archive))),
      commands: (run) => [{ args: podman(store, 'save', '-q', ...many, '-o', join(run, 'out.tar'), ...names) }],
      outcome: (run) => Promise.resolve({ outBytes: bytesBelow(join(run, 'out.tar')), fingerprint: null }),
    },
  ];
}

function answer(args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(args[0]!, args.slice(1), { encoding: 'utf8' });
  if (status === 0) return stdout.trim();
  throw engineError('INTERNAL', `${args.join(' ')} failed: ${stderr.trim()}`, { where: 'bench' });
}
