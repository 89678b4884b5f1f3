import type { TarSource } from '../../../archive/tar-source.ts';
import { profileFor } from '../../../compression/codecs.ts';
import type { EngineError } from '../../../errors/engine-error.ts';
import { asEngineError } from '../../../errors/wire.ts';
import type { ObtainOptions, PendingBlob } from '../../../image/pending-blob.ts';
import type { FormatContext } from '../../context.ts';

/** How a layer of a data directory becomes a tar again. */
export interface RebuildPlan {
  id: string;
  /** Gives the bytes that Docker once unpacked; null where nothing was noted of them. */
  exact: TarSource | null;
  /** Gives a tar that makes the same files. */
  rebuilt: TarSource;
  /** About how many bytes, as Docker counted the files; what is missing is asked for afterwards. */
  about: number;
}

type Obtained = Awaited<ReturnType<PendingBlob['obtain']>>;

/** The layer as bytes that a thread writes when they are wanted, exact ones if that can be. */
export function rebuiltLayer(plan: RebuildPlan, context: FormatContext): PendingBlob {
  return { obtain: (to, options) => obtain(plan, context, to, options) };
}

async function obtain(
  plan: RebuildPlan,
  context: FormatContext,
  to: string,
  options: ObtainOptions,
): Promise<Obtained> {
  const about = Math.min(plan.about, context.limits.layerBytes);
  await options.room?.(about);
  const made = await exactOrRebuilt(plan, context, to, options);
  if (made.size > about) await options.room?.(made.size - about);
  return made;
}

async function exactOrRebuilt(
  { id, exact, rebuilt }: RebuildPlan,
  context: FormatContext,
  to: string,
  options: ObtainOptions,
): Promise<Obtained> {
  if (exact !== null) {
    try {
      return await archive(exact, context, to, options);
    } catch (error) {
      const problem = asEngineError(error);
      if (!isAboutTheNotes(problem)) throw error;
      const message = `layer ${id} is rebuilt from its files, because what Docker noted of its tar does not fit: ${problem.message}`;
      options.onWarning?.({ code: problem.code, message });
    }
  }
  return archive(rebuilt, context, to, options);
}

/** True when other bytes may be had without the notes; a full disk and a cancelled run stop both ways. */
function isAboutTheNotes({ kind, code }: EngineError): boolean {
  return kind === 'Archive' || kind === 'Integrity' || kind === 'NotFound' || code === 'LIMIT_EXCEEDED';
}

async function archive(
  source: TarSource,
  { pool, limits }: FormatContext,
  to: string,
  { signal, onProgress, onWarning }: ObtainOptions,
): Promise<Obtained> {
  const input = { source, profile: profileFor({ compression: 'none' }), to, expected: {}, limits };
  const { blob } = await pool.run('layer.archive', input, {
    signal,
    onWarning,
    onProgress: ({ bytesOut }) => onProgress?.(bytesOut),
  });
  return { path: to, ...blob };
}
