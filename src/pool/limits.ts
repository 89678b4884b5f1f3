/** Tasks that may wait for a thread: more than the parts of several of the largest layers, and still a bound. */
export const DEFAULT_MAX_QUEUE = 65_536;

/** A cancelled task looks at its cancel word every MiB or 64 entries; the slowest disk does that within ten seconds. */
export const DEFAULT_GRACE_MS = 10_000;

/** Heap of a thread in MiB. Two million entries, the limit of a layer, need about half of it in the worst task. */
export const DEFAULT_HEAP_MIB = 1024;
