/** One step of an image's making, as its config tells it; `emptyLayer` steps made no layer. */
export interface HistoryEntry {
  created: string | null;
  createdBy: string | null;
  author: string | null;
  comment: string | null;
  emptyLayer: boolean;
}

/** How many layers a history speaks of. */
export function layerCount(history: readonly HistoryEntry[]): number {
  return history.filter((entry) => !entry.emptyLayer).length;
}

/** Each step with the number of the layer it made, counted from the base; null for none, and for more steps than layers. */
export function withLayers(
  history: readonly HistoryEntry[],
  layers: number,
): { entry: HistoryEntry; layer: number | null }[] {
  let next = 0;
  return history.map((entry) => ({ entry, layer: entry.emptyLayer || next >= layers ? null : next++ }));
}
