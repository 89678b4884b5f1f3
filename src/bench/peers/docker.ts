import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { engineError } from '../../errors/kinds.ts';
import type { Contestant } from '../contest.ts';
import type { CorpusImage } from '../prepared-corpus.ts';
import type { ExportInput, Peer, RegisterInput } from '../stage.ts';
import { bytesBelow } from '../tree-work.ts';

const TOOL = 'docker';

/**
 * The daemon that `docker` talks to. It is the person's own: images that it has already are left alone, and docker is
 * not asked then. One that keeps images in containerd calls them by digests of manifests, which it makes itself.
 */
export function dockerPeer(version: string, about: string): Peer {
  const sameIds = !about.includes('io.containerd.snapshotter');
  return { tool: TOOL, version, register: (input) => register(input, sameIds), export: exported };
}

function register({ plain, images }: RegisterInput, sameIds: boolean): Contestant[] {
  if (plain === null || !isFree(images)) return [];
  return [
    {
      tool: TOOL,
      threads: null,
      byDaemon: true,
      differs: 'docker load: the bytes go through a socket to the daemon, which unpacks them where its storage is',
      commands: () => [{ args: ['docker', 'load', '-q', '-i', plain.archive] }],
      outcome: () => Promise.resolve({ outBytes: null, fingerprint: null }),
      meaning: () =>
        Promise.resolve(
          sameIds
            ? images
                .map(({ name }) => idOf(name!))
                .toSorted()
                .join()
            : null,
        ),
      afterRun: () => remove(images),
    },
  ];
}

function exported({ images, archive, packing }: ExportInput): Contestant[] {
  if (packing.compression !== 'none' || !isFree(images)) return [];
  const names = images.map(({ name }) => name!);
  return [
    {
      tool: TOOL,
      threads: null,
      byDaemon: true,
      differs: 'docker save: the daemon sends the bytes through a socket, from where its storage is',
      begin: () => Promise.resolve(void answer('load', '-q', '-i', archive)),
      commands: (run) => [{ args: ['docker', 'save', '-o', join(run, 'out.tar'), ...names] }],
      outcome: (run) => Promise.resolve({ outBytes: bytesBelow(join(run, 'out.tar')), fingerprint: null }),
      end: () => remove(images),
    },
  ];
}

/** All have names, and neither a name nor an image is in the daemon yet. */
function isFree(images: readonly CorpusImage[]): boolean {
  const known = (reference: string): boolean =>
    spawnSync('docker', ['image', 'inspect', reference], { stdio: 'ignore' }).status === 0;
  return images.every(({ name, digest }) => name !== null && !known(name) && !known(digest));
}

function idOf(name: string): string {
  return answer('image', 'inspect', '--format', '{{.Id}}', name);
}

/** By name, and nothing by force: only what was loaded here goes. */
function remove(images: readonly CorpusImage[]): Promise<void> {
  for (const { name } of images) answer('image', 'rm', name!);
  return Promise.resolve();
}

function answer(...words: string[]): string {
  const { status, stdout, stderr } = spawnSync('docker', words, { encoding: 'utf8' });
  if (status === 0) return stdout.trim();
  throw engineError('INTERNAL', `docker ${words.join(' ')} failed: ${stderr.trim()}`, { where: 'bench' });
}
