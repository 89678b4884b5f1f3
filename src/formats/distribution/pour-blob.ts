import { Readable } from 'node:stream';
import type { Pour, Take } from '../../image/pending-blob.ts';
import { blobRequest, isRangeFrom, otherRange, refuseMissing, type RemoteBlob, wrongSize } from './blob-request.ts';
import type { RangeWatch } from './file-range.ts';
import { MayPass } from './may-pass.ts';
import type { Wire } from './wire.ts';

/**
 * One attempt to hand over the bytes of a blob from `start` to before `end`, which nobody has checked. Throws BLOB_MISSING,
 * SIZE_MISMATCH, what a request ends in, and what `take` throws.
 */
export async function pourBlob(
  wire: Wire,
  blob: RemoteBlob,
  [start, end]: [start: number, end: number],
  take: Take,
  signal: AbortSignal | undefined,
): Promise<void> {
  const isWhole = start === 0 && end === blob.size;
  const headers: Record<string, string> = isWhole ? {} : { range: `bytes=${start}-${end - 1}` };
  await wire.once(blobRequest(blob, headers, signal), async (answer) => {
    refuseMissing(answer, blob.digest);
    if (answer.status === 416 || (answer.status === 206 && !isRangeFrom(answer, start, blob)))
      throw otherRange(answer, blob);
    // Who knows no ranges sends everything.
    let at = answer.status === 206 ? start : 0;
    const last = answer.status === 206 ? end : blob.size;
    await answer.pour((chunk) => {
      const from = Math.max(0, start - at);
      const to = Math.min(chunk.length, end - at);
      at += chunk.length;
      if (at > last) throw wrongSize(blob, at);
      return from < to ? take(chunk.subarray(from, to)) : undefined;
    });
    if (at < last) throw new MayPass(wrongSize(blob, at));
  });
}

/** What is poured, as the body of a request; it begins when somebody reads it, and is proven before its last byte goes. */
export function pouredRange(
  pour: Pour,
  [start, end]: [start: number, end: number],
  { onBytes, proof }: RangeWatch,
  signal: AbortSignal | undefined,
): Readable {
  const stopping = new AbortController();
  const stop = signal === undefined ? stopping.signal : AbortSignal.any([signal, stopping.signal]);
  let begun = false;
  let goOn: (() => void) | null = null;
  let at = start;
  const take = async (chunk: Buffer): Promise<void> => {
    const piece = Buffer.from(chunk);
    const proven = proof?.take(piece, at);
    proven?.catch(() => undefined);
    at += piece.length;
    if (at === end) await proven;
    if (body.destroyed) return;
    if (!body.push(piece)) await new Promise<void>((resolve) => (goOn = resolve));
    await proven;
    onBytes(at);
  };
  const body = new Readable({
    highWaterMark: 1024 * 1024,
    read: () => {
      goOn?.();
      goOn = null;
      if (begun) return;
      begun = true;
      pour(start, end, take, stop).then(
        () => body.push(null),
        (error: unknown) => body.destroy(error as Error),
      );
    },
    destroy: (error, done) => {
      stopping.abort();
      goOn?.();
      done(error);
    },
  });
  return body;
}
