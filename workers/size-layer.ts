import { layerSize } from '../src/archive/changeset.ts';
import type { System } from '../src/system/system.ts';
import type { TaskMap } from '../src/tasks/task-map.ts';

/** Task `layer.size`. */
export function sizeLayer(system: System, { mount }: TaskMap['layer.size']['input']): TaskMap['layer.size']['output'] {
  return { size: layerSize(system, mount) };
}
