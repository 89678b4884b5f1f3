import type { Contest } from './contest.ts';
import type { ScenarioName } from './report.ts';
import { copyContests } from './scenarios/copy.ts';
import { createContests } from './scenarios/create.ts';
import { diffContests } from './scenarios/diff.ts';
import { exportContests } from './scenarios/export.ts';
import { layerContests } from './scenarios/layer.ts';
import { registerContests } from './scenarios/register.ts';
import type { Stage } from './stage.ts';

/** One line a scenario: what it prepares, and whom it lets run. */
const SCENARIO: Record<ScenarioName, (stage: Stage) => Contest[] | Promise<Contest[]>> = {
  register: registerContests,
  create: createContests,
  diff: diffContests,
  layer: layerContests,
  export: exportContests,
  copy: copyContests,
};

export async function contestsOf(stage: Stage): Promise<Contest[]> {
  const contests: Contest[] = [];
  for (const scenario of stage.grid.scenarios) contests.push(...(await SCENARIO[scenario](stage)));
  return contests;
}
