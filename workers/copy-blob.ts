import { createHash, type Hash } from 'node:crypto';
import { engineError } from '../src/errors/kinds.ts';
import { type Digest, digestAlgorithm } from '../src/identity/digest.ts';
import { readBlob } from '../src/streams/read-blob.ts';
import type { BlobDigest, TaskMap } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { OutputFile } from './output-file.ts';

/** Task `blob.copy`. */
export function copyBlob(input: TaskMap['blob.copy']['input'], context: TaskContext): BlobDigest {
  using output = new OutputFile(input.to);
  const promised = promisedHash(input.blob.digest);
  readBlob(input.blob, (chunk) => {
    context.cell.throwIfCancelled();
    context.cell.addBytesIn(chunk.length);
    promised?.hash.update(chunk);
    output.write(chunk);
    context.cell.addBytesOut(chunk.length);
  });
  promised?.check();
  return output.finish();
}

function promisedHash(expected: Digest | undefined): { hash: Hash; check(): void } | null {
  if (expected === undefined) return null;
  const algorithm = digestAlgorithm(expected);
  const hash = createHash(algorithm);
  return {
    hash,
    check(): void {
      const actual = `${algorithm}:${hash.digest('hex')}`;
      if (actual === expected) return;
      const message = `the bytes of blob ${expected} have digest ${actual}; fetch or save it again`;
      throw engineError('DIGEST_MISMATCH', message, { what: 'blob', expected, actual });
    },
  };
}
