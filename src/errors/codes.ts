/** What kind of trouble an error is; decides its class and, in the command line, its exit code. */
export type ErrorKind =
  | 'InvalidInput'
  | 'NotFound'
  | 'Conflict'
  | 'Integrity'
  | 'Archive'
  | 'Driver'
  | 'Remote'
  | 'Resource'
  | 'Cancelled'
  | 'Internal';

/** The details that travel with each code: JSON values only, so that they cross threads and `--json` unchanged. */
export interface ErrorDetails {
  // InvalidInput: what was asked for cannot be done as it was said
  INVALID_ARGUMENT: { argument: string; value?: string };
  INVALID_SETTING: { file?: string; key: string };
  INVALID_ID: { id: string };
  INVALID_NAME: { name: string };
  INVALID_TAG: { tag: string };
  INVALID_DIGEST: { digest: string };
  NOT_AN_IMAGE: { path: string };
  UNSUPPORTED_COMPRESSION: { compression: string };
  UNSUPPORTED_PLATFORM: { platform: string };
  PROGRAM_MISSING: { program: string; package: string };
  CREDENTIAL_HELPER_FAILED: { helper: string; server: string };
  LIBRARY_UNAVAILABLE: { library: string; package: string; why: 'missing' | 'failed' | 'off' };
  NOT_A_STORE: { root: string };
  STORE_FORMAT_NEWER: { root: string; format: number };
  STORE_READ_ONLY: { root: string };
  STORE_IN_USE: { root: string; by: string };
  DIRECTORY_NOT_EMPTY: { path: string };
  TERMINAL_OUTPUT: Record<string, never>;
  /** A job file that says something it cannot say: the first problem, and all that were found; `line` counts from 1. */
  JOB_FILE_INVALID: {
    file: string;
    key: string;
    line?: number;
    problems?: { key: string; line?: number; message: string }[];
    /** How many are not told. */
    more?: number;
  };
  LEDGER_INVALID: { path: string };
  LEDGER_FORMAT_NEWER: { path: string; format: number };

  // NotFound
  IMAGE_NOT_FOUND: { name: string };
  REMOTE_IMAGE_NOT_FOUND: { host: string; name: string; reference: string };
  TAG_NOT_FOUND: { repository: string; tag?: string };
  /** A registry or repository has nothing that is wanted; `listed` is how much it has of what was asked for. */
  NOTHING_TO_COPY: { location: string; listed: number };
  PARENT_NOT_FOUND: { id: string; parent: string };
  FILE_NOT_FOUND: { path: string };
  CONTAINER_NOT_FOUND: { name: string };

  // Conflict
  ID_AMBIGUOUS: { prefix: string; matches: string[] };
  IMAGE_ID_TAKEN: { id: string; reason: string };
  IMAGE_HAS_CHILDREN: { id: string; children: string[] };
  IMAGE_HAS_NAMES: { id: string; names: string[] };
  /** In a registry, where a manifest goes with all its tags. */
  MANIFEST_HAS_TAGS: { digest: string; tags: string[] };
  IMAGE_IN_USE: { id: string };
  TAG_TAKEN: { repository: string; tag: string; id: string };
  PARENT_IS_SELF: { id: string };
  STORE_LOCKED: { root: string; holder?: string };
  DRIVERS_AMBIGUOUS: { root: string; drivers: string[] };
  ALREADY_EXISTS: { path: string };
  REGISTRY_BLOCKED: { host: string; file: string };
  LEDGER_IN_USE: { path: string; holder?: string };
  /** The item went to somebody else while this one was at it. */
  LEASE_LOST: { key: string };

  // Integrity: bytes are not what they were said to be
  DIGEST_MISMATCH: { what: string; expected: string; actual: string };
  DIFF_ID_MISMATCH: { expected: string; actual: string; layer?: number };
  SIZE_MISMATCH: { what: string; expected: number; actual: number };
  MANIFEST_NOT_PRESERVED: { name: string; reason: string };
  INDEX_INCOMPLETE: { digest: string; platforms: string[] };
  CHANGE_NOT_ALLOWED: { name: string; change: string; allowed: string };
  RESULTS_DIFFER: { what: string; expected: string; actual: string };
  /** A name leads somewhere else than it should. */
  TAG_MOVED: { name: string; expected: string; actual: string | null };
  LAYER_FILE_DAMAGED: { entry: string };

  // Archive: the bytes of a layer, an archive or an image's JSON are malformed
  TAR_INVALID: { offset: number; entry?: string };
  TAR_TRUNCATED: { offset: number; entry?: string };
  ENTRY_OUTSIDE_ROOT: { entry: string };
  ENTRY_TYPE_INVALID: { entry: string; type: string };
  ENTRY_PARENT_INVALID: { entry: string };
  LINK_INVALID: { entry: string; target: string };
  WHITEOUT_INVALID: { entry: string };
  COMPRESSION_INVALID: { compression: string };
  JSON_INVALID: { what: string };
  CONFIG_INVALID: { what: string };
  ARCHIVE_INVALID: { member?: string };
  CHAIN_INVALID: { id: string };
  MEDIA_TYPE_UNSUPPORTED: { mediaType: string };
  BLOB_MISSING: { digest: string };
  /** The packed layer is gone and its files are still there; `commands` fetch it again. */
  LAYER_ONLY_UNPACKED: { digest: string; snapshotters: string[]; commands: string[] };
  CHANGES_UNREPRESENTABLE: { path: string };
  SOURCE_CHANGED: { path: string };
  TAR_SPLIT_INVALID: { path: string; line: number };

  // Driver
  DRIVER_UNKNOWN: { driver: string; known: string[] };
  DRIVER_FAILED: { driver: string; operation: string; id?: string };
  DRIVER_MOUNT_UNAVAILABLE: { driver: string; id: string };
  LAYER_NOT_FOUND: { driver: string; id: string };
  LAYER_NOT_MOUNTED: { driver: string; id: string; commands: string[] };

  // Remote
  REMOTE_FAILED: { host: string; status?: number };
  /** Nobody may do this, or not with these credentials; logging in may help. */
  REGISTRY_UNAUTHORIZED: { host: string; status?: number };
  /** No connection, or one that broke again and again. `reason` is an errno name or the like. */
  REGISTRY_UNREACHABLE: { host: string; reason: string };
  /** A certificate that nobody vouches for, or plain HTTP where that is not allowed. */
  REGISTRY_UNTRUSTED: { host: string; reason: string };
  /** The registry says no: `registryCode` is its own word for it (`NAME_UNKNOWN`, …). */
  REGISTRY_REFUSED: { host: string; status: number; registryCode?: string };
  REGISTRY_RATE_LIMITED: { host: string; status: number; retryAfterSec?: number };
  REGISTRY_UNAVAILABLE: { host: string; status: number };
  /** An answer that no registry may give. */
  REGISTRY_PROTOCOL: { host: string; status?: number };

  // Resource: the machine or a limit says no
  LIMIT_EXCEEDED: { limit: string; allowed: number; entry?: string };
  NO_SPACE: { path?: string };
  /** Found by a plan, before anything was done. */
  PLAN_DOES_NOT_FIT: { what: 'disk' | 'memory' | 'pulls'; needed: number; available: number };
  TOO_MANY_FILES: { path?: string };
  READ_ONLY_FILE_SYSTEM: { path?: string };
  PERMISSION_DENIED: { path?: string };
  SYSTEM_CALL_FAILED: { call: string; errno: string; path?: string };
  TASK_OUT_OF_MEMORY: { task: string };

  // Cancelled
  CANCELLED: { what?: string };

  // Internal: a bug of ours
  TASK_CRASHED: { task: string };
  INTERNAL: { where?: string };
}

export type ErrorCode = keyof ErrorDetails;

/** The table of codes: which kind each belongs to. */
export const KIND_OF: { readonly [Code in ErrorCode]: ErrorKind } = {
  INVALID_ARGUMENT: 'InvalidInput',
  INVALID_SETTING: 'InvalidInput',
  INVALID_ID: 'InvalidInput',
  INVALID_NAME: 'InvalidInput',
  INVALID_TAG: 'InvalidInput',
  INVALID_DIGEST: 'InvalidInput',
  NOT_AN_IMAGE: 'InvalidInput',
  UNSUPPORTED_COMPRESSION: 'InvalidInput',
  UNSUPPORTED_PLATFORM: 'InvalidInput',
  PROGRAM_MISSING: 'InvalidInput',
  CREDENTIAL_HELPER_FAILED: 'InvalidInput',
  LIBRARY_UNAVAILABLE: 'InvalidInput',
  NOT_A_STORE: 'InvalidInput',
  STORE_FORMAT_NEWER: 'InvalidInput',
  STORE_READ_ONLY: 'InvalidInput',
  STORE_IN_USE: 'Conflict',
  DIRECTORY_NOT_EMPTY: 'InvalidInput',
  TERMINAL_OUTPUT: 'InvalidInput',
  JOB_FILE_INVALID: 'InvalidInput',
  LEDGER_INVALID: 'InvalidInput',
  LEDGER_FORMAT_NEWER: 'InvalidInput',
  IMAGE_NOT_FOUND: 'NotFound',
  REMOTE_IMAGE_NOT_FOUND: 'NotFound',
  TAG_NOT_FOUND: 'NotFound',
  NOTHING_TO_COPY: 'NotFound',
  PARENT_NOT_FOUND: 'NotFound',
  FILE_NOT_FOUND: 'NotFound',
  CONTAINER_NOT_FOUND: 'NotFound',
  ID_AMBIGUOUS: 'Conflict',
  IMAGE_ID_TAKEN: 'Conflict',
  IMAGE_HAS_CHILDREN: 'Conflict',
  IMAGE_HAS_NAMES: 'Conflict',
  MANIFEST_HAS_TAGS: 'Conflict',
  IMAGE_IN_USE: 'Conflict',
  TAG_TAKEN: 'Conflict',
  PARENT_IS_SELF: 'Conflict',
  STORE_LOCKED: 'Conflict',
  DRIVERS_AMBIGUOUS: 'Conflict',
  ALREADY_EXISTS: 'Conflict',
  REGISTRY_BLOCKED: 'Conflict',
  LEDGER_IN_USE: 'Conflict',
  LEASE_LOST: 'Conflict',
  DIGEST_MISMATCH: 'Integrity',
  DIFF_ID_MISMATCH: 'Integrity',
  SIZE_MISMATCH: 'Integrity',
  MANIFEST_NOT_PRESERVED: 'Integrity',
  INDEX_INCOMPLETE: 'Integrity',
  CHANGE_NOT_ALLOWED: 'Integrity',
  RESULTS_DIFFER: 'Integrity',
  TAG_MOVED: 'Integrity',
  LAYER_FILE_DAMAGED: 'Integrity',
  TAR_INVALID: 'Archive',
  TAR_TRUNCATED: 'Archive',
  ENTRY_OUTSIDE_ROOT: 'Archive',
  ENTRY_TYPE_INVALID: 'Archive',
  ENTRY_PARENT_INVALID: 'Archive',
  LINK_INVALID: 'Archive',
  WHITEOUT_INVALID: 'Archive',
  COMPRESSION_INVALID: 'Archive',
  JSON_INVALID: 'Archive',
  CONFIG_INVALID: 'Archive',
  ARCHIVE_INVALID: 'Archive',
  CHAIN_INVALID: 'Archive',
  MEDIA_TYPE_UNSUPPORTED: 'Archive',
  BLOB_MISSING: 'Archive',
  LAYER_ONLY_UNPACKED: 'Archive',
  CHANGES_UNREPRESENTABLE: 'Archive',
  SOURCE_CHANGED: 'Archive',
  TAR_SPLIT_INVALID: 'Archive',
  DRIVER_UNKNOWN: 'Driver',
  DRIVER_FAILED: 'Driver',
  DRIVER_MOUNT_UNAVAILABLE: 'Driver',
  LAYER_NOT_FOUND: 'Driver',
  LAYER_NOT_MOUNTED: 'Driver',
  REMOTE_FAILED: 'Remote',
  REGISTRY_UNAUTHORIZED: 'Remote',
  REGISTRY_UNREACHABLE: 'Remote',
  REGISTRY_UNTRUSTED: 'Remote',
  REGISTRY_REFUSED: 'Remote',
  REGISTRY_RATE_LIMITED: 'Remote',
  REGISTRY_UNAVAILABLE: 'Remote',
  REGISTRY_PROTOCOL: 'Remote',
  LIMIT_EXCEEDED: 'Resource',
  NO_SPACE: 'Resource',
  PLAN_DOES_NOT_FIT: 'Resource',
  TOO_MANY_FILES: 'Resource',
  READ_ONLY_FILE_SYSTEM: 'Resource',
  PERMISSION_DENIED: 'Resource',
  SYSTEM_CALL_FAILED: 'Resource',
  TASK_OUT_OF_MEMORY: 'Resource',
  CANCELLED: 'Cancelled',
  TASK_CRASHED: 'Internal',
  INTERNAL: 'Internal',
};
