import type { ErrorCode } from '../../errors/codes.ts';
import { KIND_OF } from '../../errors/codes.ts';
import { hintFor } from '../../reporting/hints.ts';
import type { FailureClass } from '../ledger/ledger.ts';

/** What to do about a failure in a batch, for codes that have no hint of their own. */
const ADVICE: { readonly [Code in ErrorCode]?: string } = {
  UNSUPPORTED_COMPRESSION: 'install the program that reads this compression, or pack the source again',
  UNSUPPORTED_PLATFORM:
    'look at the platforms of the source with `layermill inspect`, and mend `platforms` in the job file',
  PROGRAM_MISSING: 'install the package that the message names, then run the same command again',
  CREDENTIAL_HELPER_FAILED: 'run the credential helper by hand to see what it says, or log in without one',
  REMOTE_IMAGE_NOT_FOUND:
    'check name and tag with `layermill list-tags`; a moved or deleted tag belongs out of the job file',
  LEASE_LOST: 'another run took it over; nothing is to be done when that one has finished it',
  SIZE_MISMATCH: 'the source is damaged or was cut short; fetch it again',
  INDEX_INCOMPLETE: 'copy all platforms of this index, or let it be made smaller without --preserve-digests',
  TAG_MOVED: 'somebody moved the tag meanwhile; run again to copy what it leads to now',
  SOURCE_CHANGED: 'the source was written to while it was read; run again when it is at rest',
  BLOB_MISSING: 'the source lacks a layer that its manifest names; push or save the image again',
  LAYER_ONLY_UNPACKED: 'the message has the commands that fetch the packed layer again',
  MEDIA_TYPE_UNSUPPORTED: 'the source holds something that is no image; leave it out with a filter',
  REGISTRY_UNAUTHORIZED:
    'log in with `podman login` or `docker login`, check the rights of that account, and run again',
  REGISTRY_UNREACHABLE: 'check the name, the network and the proxy of that host, and run again when it answers',
  REGISTRY_UNTRUSTED:
    'give its authority with --cert-dir, or allow plain HTTP for a registry of your own with --tls-verify=false',
  REGISTRY_REFUSED: 'the registry will say the same again; check name, quota and rules of the repository',
  REGISTRY_RATE_LIMITED: 'wait until its limit allows more, or log in for a higher one, and run again',
  REGISTRY_UNAVAILABLE: 'run again when the registry is well; what is done is not done twice',
  REGISTRY_PROTOCOL: 'something between may answer for the registry; ask it by hand, or report it to its operator',
  REMOTE_FAILED: 'run again; what is done is not done twice',
  NO_SPACE: 'free space in the destination and in the temporary directory, and run again',
  PLAN_DOES_NOT_FIT: 'free what the message names, or cut the batch with `layermill plan --shards`',
  TOO_MANY_FILES: 'raise `ulimit -n`, or use fewer --jobs, and run again',
  READ_ONLY_FILE_SYSTEM: 'mount it writable, or choose another destination, and run again',
  PERMISSION_DENIED: 'give this user the right to the path in the message, and run again',
  SYSTEM_CALL_FAILED: 'look at the path in the message and at the log of the kernel, and run again',
  CANCELLED: 'run again; what is done is not done twice',
};

/** Where even the code has none: what to do about such failures in general. */
const BY_CLASS: Readonly<Record<FailureClass, string>> = {
  passing: 'run again; what is done is not done twice',
  permanent: 'the message says what is wrong with this one; mend it or leave it out, and run again',
  resource: 'give the machine more of what the message names, or use fewer --jobs, and run again',
};

const DAMAGED = 'the source is damaged or malformed; make or fetch it again, or leave it out';

/** One sentence on how to go on. */
export function adviceFor(code: string, kind: FailureClass): string {
  if (!isErrorCode(code)) return BY_CLASS[kind];
  return ADVICE[code] ?? hintFor(code) ?? (KIND_OF[code] === 'Archive' ? DAMAGED : BY_CLASS[kind]);
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(KIND_OF, code);
}
