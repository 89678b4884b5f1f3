/** A number, or `auto`: what fits this machine (the cores of the cgroup). */
type Auto = number | 'auto';

type LogLevel = 'error' | 'warn' | 'info' | 'debug';
type LogFormat = 'text' | 'json';
type ProgressMode = 'auto' | 'bar' | 'plain' | 'json' | 'none';
type Durability = 'batch' | 'layer' | 'none';

/** Everything a person may tune: `config/default.json`, a profile or file, the environment, flags; the later one wins. */
export interface Settings {
  /** The store's directory. */
  root: string;
  /** Name of the storage driver; `auto`: what the store says, else what fits. */
  driver: string;
  /** Takes over a data directory that layermill did not make. Only ever a flag: it changes what the store is. */
  adopt: boolean;
  /** Worker threads. */
  threads: Auto;
  /** Images at once. */
  jobs: Auto;
  /** Tasks at once that wait for the disk, and that compute. */
  lanes: { io: Auto; cpu: Auto };
  budgets: {
    /** Bytes of spooled input and finished blobs on the disk at once; the oldest file may go beyond it, alone. */
    spoolBytes: number;
    /** Heap of each worker thread, in bytes. */
    threadHeapBytes: number;
  };
  compression: CompressionSettings;
  /** When a commit is on the disk: in groups, each by itself, or when the system likes. */
  durability: Durability;
  /** Seconds to wait for another process that holds the store. */
  lockTimeout: number;
  /** Whether layers that came compressed keep their compressed bytes. */
  blobs: 'keep' | 'drop';
  limits: LimitSettings;
  /** Requests that each registry gets in a second; `auto`: as many as it bears. */
  registry: { requestsPerSecond: Auto };
  /** What `copy` keeps of layers that it packed anew. */
  cache: {
    /** A directory, `none`, or `auto`: `$XDG_CACHE_HOME/layermill`. */
    dir: string;
    /** Bytes of blobs that may stay there; those used longest ago go first. */
    bytes: number;
  };
  log: { level: LogLevel; format: LogFormat };
  progress: ProgressMode;
}

/** How layers are packed when they leave the store. */
export interface CompressionSettings {
  /** `auto`: what the destination is used to (`keep` for OCI, `none` for a docker-archive). */
  default: 'auto' | 'keep' | 'none' | 'gzip' | 'zstd' | `gzip:${'zlib' | 'pako' | 'libdeflate' | 'isal'}`;
  /** Of `gzip`, `gzip:zlib` and `gzip:pako`; `auto`: what the implementation is best at. */
  gzipLevel: Auto;
  zstdLevel: Auto;
  /** The same bytes on every machine, at about a quarter of the speed. */
  reproducible: boolean;
  /** Whether libraries of the system may be used (`auto`: when they are asked for) or not at all. */
  libraries: 'auto' | 'off';
}

/** Bounds on what one layer may cost; the keys are those of `LayerLimits`. */
interface LimitSettings {
  entries: number;
  pathBytes: number;
  componentBytes: number;
  depth: number;
  metaBytes: number;
  layerBytes: number;
  expansionRatio: number;
}

/** Some of the settings, as one file, the environment or the flags give them; undefined counts as not given. */
export type PartialSettings = {
  [Key in Exclude<keyof Settings, 'adopt'>]?: Given<Settings[Key]> | undefined;
};

type Given<Value> = Value extends object ? { [Key in keyof Value]?: Value[Key] | undefined } : Value;
