import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { engineError } from '../../errors/kinds.ts';
import { sha256Digest } from '../../identity/digest.ts';
import type { Contestant } from '../contest.ts';
import { layoutMeaning } from '../layout-meaning.ts';
import type { CorpusImage } from '../prepared-corpus.ts';
import type { ExportInput, Peer, RegisterInput } from '../stage.ts';
import { bytesBelow } from '../tree-work.ts';

const TOOL = 'skopeo';
/** Where the host says nothing about trust it refuses to copy; what is copied here was made here. */
const SKOPEO = ['skopeo', '--insecure-policy'];

/** skopeo takes one image at a time, so several are several commands. */
export function skopeoPeer(version: string, isRoot: boolean): Peer {
  return {
    tool: TOOL,
    version,
    register: (input) => (isRoot ? register(input) : []),
    export: (input) => packed(input, '; layermill makes each tar from the tree in the store and checks its DiffID'),
    copy: (input) => packed(input, ''),
  };
}

function register({ images, plain, layout }: RegisterInput): Contestant[] {
  const from = plain === null ? `oci:${layout}` : `docker-archive:${plain.archive}`;
  if (!nameable(images)) return [];
  const store = (run: string): string => `containers-storage:[overlay@${join(run, 'root')}+${join(run, 'run')}]`;
  return [
    {
      tool: TOOL,
      threads: null,
      differs: `unpacks into containers-storage${oneByOne(images)}`,
      commands: (run) =>
        images.map((image, index) => ({
          args: [...SKOPEO, 'copy', '-q', source(from, image), `${store(run)}bench/image-${index}:1`],
        })),
      outcome: () => Promise.resolve({ outBytes: null, fingerprint: null }),
      meaning: (run) => Promise.resolve(storedConfigs(images.map((_, index) => `${store(run)}bench/image-${index}:1`))),
    },
  ];
}

/** `differs` says how the work is not the same as ours. */
function packed({ images, archive, packing }: ExportInput, differs: string): Contestant[] {
  if (packing.compression === 'none' || !nameable(images)) return [];
  const level = packing.explicit ? ['--dest-compress-level', String(packing.level)] : [];
  const how = ['--dest-compress-format', packing.compression, ...level];
  const out = (run: string): string => join(run, 'out');
  return [
    {
      tool: TOOL,
      threads: null,
      differs:
        `reads a finished archive${packing.explicit ? '' : ', packs at its own level'}${oneByOne(images)}` + differs,
      commands: (run) =>
        images.map((image, index) => ({
          args: [
            ...SKOPEO,
            'copy',
            '-q',
            ...how,
            source(`docker-archive:${archive}`, image),
            `oci:${out(run)}:image-${index}`,
          ],
        })),
      outcome: (run) => Promise.resolve({ outBytes: bytesBelow(out(run)), fingerprint: null }),
      meaning: (run) => Promise.resolve(layoutMeaning(out(run))),
    },
  ];
}

function oneByOne(images: readonly CorpusImage[]): string {
  return images.length > 1 ? ', one image after the other' : '';
}

/** In an archive of several, each needs a name to be asked for. */
function nameable(images: readonly CorpusImage[]): boolean {
  return images.length === 1 || images.every(({ name }) => name !== null);
}

function source(archive: string, { name }: CorpusImage): string {
  return name === null ? archive : `${archive}:${name}`;
}

function storedConfigs(references: readonly string[]): string {
  const digests = references.map((reference) => {
    const { status, stdout, stderr } = spawnSync(SKOPEO[0]!, [
      ...SKOPEO.slice(1),
      'inspect',
      '--raw',
      '--config',
      reference,
    ]);
    if (status === 0) return sha256Digest(stdout);
    throw engineError('INTERNAL', `skopeo cannot read what it wrote: ${stderr.toString().trim()}`, { where: 'bench' });
  });
  return digests.toSorted().join();
}
