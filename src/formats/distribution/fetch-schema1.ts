import { join } from 'node:path';
import { engineError } from '../../errors/kinds.ts';
import { digestHex } from '../../identity/digest.ts';
import type { ModernImage } from '../../image/image-source.ts';
import type { NamedDescriptor } from '../content.ts';
import type { FormatContext } from '../context.ts';
import { type BringLayer, readSchema1 } from '../read-schema1.ts';
import type { Spool } from '../spool.ts';
import type { Repository } from './registry.ts';

/** The image that a manifest of schema 1 is converted to, with its layers in the spool. */
export async function fetchSchema1(
  repository: Repository,
  found: { raw: Buffer; entry: NamedDescriptor },
  spool: Spool,
  context: FormatContext,
): Promise<ModernImage> {
  try {
    return await readSchema1(found, fetchLayer(repository, spool, context.signal), context);
  } finally {
    // They stay until the image has been taken, which may need room itself.
    spool.share.stepAside();
  }
}

function fetchLayer(repository: Repository, spool: Spool, signal: AbortSignal | undefined): BringLayer {
  return async (digest) => {
    const size = await repository.blobSize(digest, signal);
    if (size === null) {
      const message = `the layer ${digest} is not in ${repository.host}/${repository.name}`;
      throw engineError('BLOB_MISSING', message, { digest });
    }
    const path = join(spool.path, digestHex(digest));
    await spool.share.grow(size, signal);
    await repository.download({ digest, size }, path, { signal });
    return { path, size };
  };
}
