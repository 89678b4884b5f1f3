import { open } from 'node:fs/promises';
import { expansionLimits } from '../archive/limits.ts';
import { DETECT_BYTES, detectCompression } from '../compression/detect.ts';
import type { FormatContext } from './context.ts';

/** The path of the archive unpacked: itself when it is not packed, else `to`, once unpacked there. */
export async function unpackArchive(path: string, to: string, context: FormatContext): Promise<string> {
  const compression = detectCompression(await firstBytes(path));
  const { limits, signal } = context;
  switch (compression) {
    case 'none':
      return path;
    case 'gzip':
    case 'zstd':
      await context.pool.run('blob.unpack', { blob: { path }, to, limits }, { signal });
      return to;
    case 'xz':
    case 'bzip2': {
      const { unpackWithProgram } = await import('../compression/external.ts');
      await unpackWithProgram({ blob: { path }, compression, to, limits: expansionLimits(limits), signal });
      return to;
    }
  }
}

async function firstBytes(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(DETECT_BYTES), 0, DETECT_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
