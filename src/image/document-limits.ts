/** Bounds on what the JSON documents and the index of one source may cost. */
export interface DocumentLimits {
  /** Bytes of one manifest, index, config or `repositories`; containers/image takes the same. */
  bytes: number;
  /** Arrays and objects inside one another; real documents stay below 20. */
  depth: number;
  /** Layers of one image; Docker's layer store takes no more. */
  layers: number;
  /** Indexes inside one another. */
  nesting: number;
}

export const DEFAULT_DOCUMENT_LIMITS: DocumentLimits = {
  bytes: 4 * 1024 * 1024,
  depth: 512,
  layers: 125,
  nesting: 8,
};
