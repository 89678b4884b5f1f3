import type { CreateOptions } from '../../graph/create.ts';
import type { Image } from '../../graph/image.ts';
import type { LayerInput } from '../../graph/layer-input.ts';
import type { JobRun, StoreTools } from '../job-context.ts';
import { warningText } from './warning-text.ts';

/** Makes a new image of a changeset. */
export interface CreateJob extends CreateOptions {
  type: 'create';
  layer: LayerInput;
}

export function runCreate({ graph }: StoreTools, job: CreateJob, run: JobRun): Promise<Image> {
  const { signal, report: onProgress } = run;
  const { layer, ...options } = job;
  return graph.create(layer, {
    ...options,
    signal,
    onProgress,
    onWarning: (warning) => run.warn(warningText(warning)),
  });
}
