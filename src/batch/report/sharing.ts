import type { ReportLayer, Sharing, SharingBand } from './report.ts';

/** How many of the layers that save most are named. */
const NAMED = 10;

const BANDS: readonly [from: number, to: number | null][] = [
  [1, 1],
  [2, 9],
  [10, 99],
  [100, 999],
  [1000, null],
];

/** What is not read, packed and sent again because several images use the same layer. */
export function sharingOf(layers: readonly ReportLayer[]): Sharing {
  const bands = BANDS.map(([from, to]) => bandOf(layers, from, to)).filter((band) => band.layers > 0);
  const places = layers.flatMap((layer, place) => (layer.uses > 1 ? [{ place, saved: savedBytes(layer) }] : []));
  const most = places.toSorted((a, b) => b.saved - a.saved).slice(0, NAMED);
  return { bands, layers: most.map(({ place }) => place) };
}

export function savedBytes({ uses, size }: ReportLayer): number {
  return Math.max(0, uses - 1) * size;
}

function bandOf(layers: readonly ReportLayer[], from: number, to: number | null): SharingBand {
  const inside = layers.filter(({ uses }) => uses >= from && uses <= (to ?? Infinity));
  return {
    from,
    to,
    layers: inside.length,
    bytes: inside.reduce((sum, { size }) => sum + size, 0),
    savedBytes: inside.reduce((sum, layer) => sum + savedBytes(layer), 0),
  };
}
