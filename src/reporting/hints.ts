import type { ErrorCode } from '../errors/codes.ts';

/** How a person at the command line goes on, for errors whose message alone leaves that open. */
const HINTS: { readonly [Code in ErrorCode]?: string } = {
  NOT_AN_IMAGE:
    'layermill reads docker-archive, oci, oci-archive, dir, docker://, docker-root and containers-root sources; a bare tar or directory goes to `layermill create`',
  NOT_A_STORE: 'choose another directory with --root, or take this one over with --adopt',
  STORE_READ_ONLY: 'layermill did not make this directory; --adopt takes it over, or choose another one with --root',
  STORE_IN_USE: 'it belongs to another program; choose another directory with --root',
  STORE_FORMAT_NEWER: 'update layermill, or choose another directory with --root',
  STORE_LOCKED: 'try again when it has finished, or wait longer with --lock-timeout SECONDS',
  DIRECTORY_NOT_EMPTY: 'choose a new or an empty directory',
  TERMINAL_OUTPUT: 'write to a file with -o FILE, or pipe the output to another program',
  FILE_NOT_FOUND: 'check the path; relative ones begin at the current directory',
  IMAGE_NOT_FOUND: '`layermill images --all` lists what is here',
  TAG_NOT_FOUND: '`layermill images` lists the names that are here',
  PARENT_NOT_FOUND: 'register the parent first; `layermill images --all` lists what is here',
  ID_AMBIGUOUS: 'give more characters of the id',
  IMAGE_ID_TAKEN: 'the image that is here stays as it is; `layermill rm` it first if it is the wrong one',
  IMAGE_HAS_CHILDREN: 'remove the images above it first; `layermill tree` shows them',
  IMAGE_HAS_NAMES: 'remove it by name, or everything with --force',
  MANIFEST_HAS_TAGS: 'a registry deletes a manifest with every tag of it; --all-tags says that this is meant',
  TAG_TAKEN: 'move the name with --force, or choose another one',
  DRIVERS_AMBIGUOUS: 'say which one with --driver',
  DRIVER_MOUNT_UNAVAILABLE: '`layermill unpack NAME DIR` writes the tree without mounting',
  MANIFEST_NOT_PRESERVED: 'nothing of it was written; without --preserve-digests it gets a new manifest',
  CHANGE_NOT_ALLOWED: 'nothing of it was written; allow more with --allow, or leave out what changes it',
  RESULTS_DIFFER: 'no time counts; --format json has both digests, and the same command with --rounds 1 tries again',
  LIMIT_EXCEEDED:
    'limits of layers can be raised under `limits` in a file given with --config, if you trust this source',
  REGISTRY_BLOCKED:
    'whoever looks after this machine blocks it; another registries.conf is given by CONTAINERS_REGISTRIES_CONF',
  DIGEST_MISMATCH: 'the source is damaged or was changed; fetch it again',
  DIFF_ID_MISMATCH: 'the source is damaged or was changed; fetch it again',
  TASK_OUT_OF_MEMORY: 'use fewer --threads, or raise budgets.threadHeapBytes',
  TASK_CRASHED: 'this is a bug in layermill: please report it with the output of --log-level debug',
  INTERNAL: 'this is a bug in layermill: please report it with the output of --log-level debug',
};

export function hintFor(code: ErrorCode): string | undefined {
  return HINTS[code];
}
