import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { engineError } from '../../src/errors/kinds.ts';
import { sha256Digest } from '../../src/identity/digest.ts';
import type { BlobDigest, TaskInput } from '../../src/tasks/task-map.ts';
import type { TaskContext, TaskHandlers } from '../../src/tasks/task-pool.ts';

type Input = TaskInput<'blob.copy'>;
type Scenario = (input: Input, context: TaskContext) => BlobDigest | Promise<BlobDigest>;

const answer = (size = 0): BlobDigest => ({ digest: sha256Digest('done'), size });
const nap = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** What a task can do well or badly; `blob.path` of a `blob.copy` task says which. */
const SCENARIOS: Record<string, Scenario> = {
  echo: ({ blob }) => answer(blob.size),
  mutate: (input) => {
    input.to = 'changed';
    return answer();
  },
  mismatch: () => {
    throw engineError('DIFF_ID_MISMATCH', 'layer 3 is not what its config says', {
      expected: 'sha256:aa',
      actual: 'sha256:bb',
      layer: 3,
    });
  },
  bug: () => {
    throw new TypeError('undefined is not a layer');
  },
  'not-an-error': () => Promise.reject('just text' as unknown as Error),
  'missing-file': () => answer(readFileSync('/nonexistent/layer.tar').length),
  overflow: function deeper(input, context): Promise<BlobDigest> | BlobDigest {
    return [deeper(input, context)][0]!;
  },
  warn: ({ blob }, { warn }) => {
    for (let i = 0; i < blob.size!; i++) warn('XATTR_SKIPPED', `attribute ${i}`, `file-${i}`);
    warn('OWNER_SKIPPED', 'not root');
    return answer();
  },
  /** Goes on until it is cancelled, counting as it goes; the event loop gets its turns. */
  patient: async (_input, { cell }) => {
    for (;;) {
      cell.throwIfCancelled();
      cell.addBytesIn(1024);
      cell.addEntries(1);
      await sleep(1);
    }
  },
  /** The same without a single turn of the event loop: only the cancel word can reach it. */
  busy: (_input, { cell }) => {
    for (;;) {
      cell.throwIfCancelled();
      cell.addBytesOut(512);
      nap(1);
    }
  },
  count: async ({ blob }, { cell }) => {
    cell.addBytesIn(blob.size!);
    cell.addBytesOut(2 * blob.size!);
    cell.addEntries(7);
    await sleep(1);
    return answer();
  },
  /** Never looks at the cancel word. */
  deaf: (_input, { cell }) => {
    cell.addEntries(1);
    for (;;) nap(1000);
  },
  exit: () => process.exit(7),
  'late-throw': () =>
    new Promise(() => {
      setTimeout(() => {
        throw new Error('nobody awaited this');
      }, 1);
    }),
  'out-of-memory': () => {
    const hoard: unknown[] = [];
    for (;;) hoard.push(Array.from({ length: 10_000 }, () => ({})));
  },
};

const unused = (): never => {
  throw engineError('INTERNAL', 'the scenarios have no such task', {});
};

export const scenarioHandlers: TaskHandlers = {
  'layer.apply': unused,
  'layer.hash': unused,
  'layer.digest': unused,
  'layer.archive': unused,
  'layer.part': unused,
  'layer.join': unused,
  'blob.place': unused,
  'layer.size': unused,
  'tree.clone': unused,
  'tree.unpack': unused,
  'blob.copy': (input, context) => SCENARIOS[input.blob.path]!(input, context),
  'blob.unpack': unused,
  'blob.digest': unused,
  'archive.index': unused,
};

/** The input of a task that plays `scenario`; `size` is whatever the scenario makes of it. */
export function scenario(scenario: string, size = 0): Input {
  return { blob: { path: scenario, size }, to: 'nowhere' };
}
