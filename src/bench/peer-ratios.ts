import { type BenchCase, type PeerRatio, secondsOf } from './report.ts';
import { pairedRatios, spreadOf } from './statistics.ts';

/** Every peer beside `tool` with the most threads that were tried, which is what the peers may use too. */
export function peerRatios(cases: readonly BenchCase[], tool: string): PeerRatio[] {
  return cases.flatMap(({ scenario, packing, entrants }) => {
    const ours = entrants
      .filter((entrant) => entrant.tool === tool && entrant.samples.length > 0)
      .sort((a, b) => (b.threads ?? 0) - (a.threads ?? 0))[0];
    if (ours === undefined) return [];
    const others = entrants.filter((entrant) => entrant.tool !== tool && entrant.samples.length > 0);
    return others.map((peer) => ({
      scenario,
      packing,
      tool: peer.tool,
      times: spreadOf(pairedRatios(secondsOf(peer), secondsOf(ours))),
      size: peer.outBytes === null || ours.outBytes === null ? null : peer.outBytes / ours.outBytes,
      differs: peer.differs,
    }));
  });
}
