import { spawnSync } from 'node:child_process';
import { dockerPeer } from './peers/docker.ts';
import { pigzPeer, zstdPeer } from './peers/packers.ts';
import { podmanPeer } from './peers/podman.ts';
import { skopeoPeer } from './peers/skopeo.ts';
import { tarPeer } from './peers/tar.ts';
import { umociPeer } from './peers/umoci.ts';
import type { Peer } from './stage.ts';

interface Candidate {
  program: string;
  /** Succeeds when the tool can be used. */
  ask: readonly string[];
  /** Finds the version in what it answers. */
  version: RegExp;
  /** `about` is all that it answered. */
  peer: (version: string, about: string) => Peer;
}

const VERSION = /(\d+(?:\.\d+)+[\w.+~-]*)/;

function candidates(work: string, isRoot: boolean): Candidate[] {
  return [
    { program: 'tar', ask: ['--version'], version: /GNU tar\) (\S+)/, peer: tarPeer },
    { program: 'skopeo', ask: ['--version'], version: VERSION, peer: (version) => skopeoPeer(version, isRoot) },
    { program: 'umoci', ask: ['--version'], version: VERSION, peer: (version) => umociPeer(version, isRoot) },
    { program: 'podman', ask: ['--version'], version: VERSION, peer: (version) => podmanPeer(version, work) },
    {
      program: 'docker',
      ask: ['info', '--format', '{{.ServerVersion}} {{.DriverStatus}}'],
      version: VERSION,
      peer: dockerPeer,
    },
    { program: 'pigz', ask: ['--version'], version: VERSION, peer: pigzPeer },
    { program: 'zstd', ask: ['--version'], version: VERSION, peer: zstdPeer },
  ];
}

/** Those of the tools we know that are installed and answer, and the names of the others. */
export function findPeers(work: string, isRoot: boolean): { peers: Peer[]; missing: string[] } {
  const peers: Peer[] = [];
  const missing: string[] = [];
  for (const { program, ask, version, peer } of candidates(work, isRoot)) {
    const { status, stdout, stderr } = spawnSync(program, ask, { encoding: 'utf8', timeout: 20_000 });
    const about = `${stdout}\n${stderr}`;
    const found = status === 0 ? version.exec(about)?.[1] : undefined;
    if (found === undefined) missing.push(program);
    else peers.push(peer(found, about));
  }
  return { peers, missing };
}
