import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { OutputCompression } from '../../compression/codec.ts';
import type { Contestant } from '../contest.ts';
import { unpackedDigest } from '../layer-facts.ts';
import type { LayerInput, Peer } from '../stage.ts';

const DIFFERS = 'packs a finished tar; layermill makes the tar from the tree in the store and checks its DiffID';

export function pigzPeer(version: string): Peer {
  return packer('pigz', version, 'gzip', (threads) => ['-p', String(threads)]);
}

export function zstdPeer(version: string): Peer {
  return packer('zstd', version, 'zstd', (threads) => [`-T${threads}`, '-q']);
}

/** A program that packs one file with the level and the number of threads that layermill has. */
function packer(
  program: string,
  version: string,
  compression: OutputCompression,
  options: (threads: number) => string[],
): Peer {
  const entrant = ({ layer, packing, threads }: LayerInput): Contestant => {
    const out = (run: string): string => join(run, 'layer');
    const args = [program, ...options(threads), `-${packing.level}`, '-c', layer.path];
    return {
      tool: program,
      threads,
      differs: DIFFERS,
      commands: (run) => [{ args, stdout: out(run) }],
      outcome: (run) => Promise.resolve({ outBytes: statSync(out(run)).size, fingerprint: null }),
      meaning: (run) => Promise.resolve(unpackedDigest(out(run), compression)),
    };
  };
  return {
    tool: program,
    version,
    // zstd wants to be asked twice for the levels above 19; those of other libraries mean something else.
    layer: (input) => (input.packing.name === compression && input.packing.level <= 19 ? [entrant(input)] : []),
  };
}
