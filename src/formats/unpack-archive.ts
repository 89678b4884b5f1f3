import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expansionLimits } from '../archive/limits.ts';
import { DETECT_BYTES, detectCompression } from '../compression/detect.ts';
import type { FormatContext } from './context.ts';
import type { Spool } from './spool.ts';

/** The path of the archive unpacked: itself when it is not packed, else a file in the spool. */
export async function unpackArchive(path: string, spool: Spool, context: FormatContext): Promise<string> {
  const compression = detectCompression(await firstBytes(path));
  const { limits, signal } = context;
  const to = join(spool.path, 'unpacked');
  const room = (bytes: number): Promise<void> => spool.share.grow(bytes, signal);
  switch (compression) {
    case 'none':
      return path;
    case 'gzip':
    case 'zstd':
      await unpackInThread(path, to, spool, context);
      return to;
    case 'xz':
    case 'bzip2': {
      const { unpackWithProgram } = await import('../compression/external.ts');
      await unpackWithProgram({ blob: { path }, compression, to, limits: expansionLimits(limits), room, signal });
      return to;
    }
  }
}

/** A thread cannot wait for room. So there is room for as much as the packed file has before it starts. */
async function unpackInThread(path: string, to: string, { share }: Spool, context: FormatContext): Promise<void> {
  const { pool, limits, signal } = context;
  let counted = (await stat(path)).size;
  await share.grow(counted, signal);
  const onProgress = ({ bytesOut }: { bytesOut: number }): void => {
    if (bytesOut <= counted) return;
    share.add(bytesOut - counted);
    counted = bytesOut;
  };
  const { size } = await pool.run('blob.unpack', { blob: { path }, to, limits }, { signal, onProgress });
  share.add(size - counted);
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
