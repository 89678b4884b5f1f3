/** What the time of tasks is spent on. */
export const TASK_STAGES = ['read', 'inflate', 'hash', 'compress', 'write'] as const;

export type TaskStage = (typeof TASK_STAGES)[number];

/** Milliseconds by stage, of all threads together. */
export type StageTimes = Record<TaskStage, number>;

export function noTime(): StageTimes {
  return { read: 0, inflate: 0, hash: 0, compress: 0, write: 0 };
}

/** The times of several tasks, some of which are still running, as one. */
export class StageSum {
  readonly #total: StageTimes = noTime();

  get total(): StageTimes {
    return { ...this.#total };
  }

  /** What takes the samples of one more task; each replaces the one before it. */
  task(): (sample: { stages: StageTimes }) => void {
    let last = noTime();
    return ({ stages }) => {
      for (const stage of TASK_STAGES) this.#total[stage] += stages[stage] - last[stage];
      last = stages;
    };
  }
}
