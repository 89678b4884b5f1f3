import type { Image } from '../../graph/image.ts';
import type { LayerInput } from '../../graph/layer-input.ts';
import type { V1Image } from '../../image/v1-compat.ts';
import type { JobRun, StoreTools } from '../job-context.ts';
import { warningText } from './warning-text.ts';

/** Registers an existing image under its own id. */
export interface RegisterJob {
  type: 'register';
  image: Partial<V1Image> & { id: string };
  layer: LayerInput;
  /** The JSON of the image, kept byte for byte. */
  json?: Buffer;
}

export function runRegister({ graph }: StoreTools, job: RegisterJob, run: JobRun): Promise<Image> {
  const { image, layer, json } = job;
  const { signal, report: onProgress } = run;
  return graph.register(image, layer, {
    json,
    signal,
    onProgress,
    onWarning: (warning) => run.warn(warningText(warning)),
  });
}
