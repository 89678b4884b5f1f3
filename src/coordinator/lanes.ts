import PQueue from 'p-queue';
import { cancelled, onAbort } from '../streams/abort.ts';

/** Jobs that mostly wait for the disk, and jobs that mostly compute. */
export type LaneName = 'io' | 'cpu';

/** Jobs admitted beside those that run: enough that a lane never stands still between two of them. */
const WAITING = 2;

export interface LaneOptions {
  /** Higher ones go first; the others in the order they came. */
  priority: number;
  signal: AbortSignal | undefined;
}

/** A lane: a door that lets as many jobs in as have room, and a queue that runs as many as the lane is wide. */
interface Lane {
  door: PQueue;
  queue: PQueue;
}

/** Two lanes with room for a few: who submits more waits at the door, and that is the backpressure. */
export class Lanes {
  readonly #lanes: Record<LaneName, Lane>;

  constructor(widths: Record<LaneName, number>) {
    this.#lanes = { io: newLane(widths.io), cpu: newLane(widths.cpu) };
  }

  /** Resolves when the lane has room for one more, with the function by which that one leaves; CANCELLED by the signal. */
  enter(name: LaneName, options: LaneOptions): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const stay = (): Promise<void> => new Promise((leave) => resolve(leave));
      queued(this.#lanes[name].door, stay, options).catch(reject);
    });
  }

  /** Runs the work of one that has entered. The signal drops it while it waits; once it runs, that is its own affair. */
  run<Value>(name: LaneName, work: () => Promise<Value>, options: LaneOptions): Promise<Value> {
    return queued(this.#lanes[name].queue, work, options);
  }
}

function newLane(width: number): Lane {
  return { door: new PQueue({ concurrency: width + WAITING }), queue: new PQueue({ concurrency: width }) };
}

/** p-queue would also give up on work that runs, and leave it running; so it is told of the signal only until then. */
async function queued<Value>(queue: PQueue, work: () => Promise<Value>, options: LaneOptions): Promise<Value> {
  const { priority, signal } = options;
  const waiting = new AbortController();
  const deafen = onAbort(signal, () => waiting.abort(cancelled(signal, 'cancelled while waiting for its turn')));
  const start = (): Promise<Value> => {
    deafen();
    return work();
  };
  try {
    return await queue.add(start, { priority, signal: waiting.signal });
  } finally {
    deafen();
  }
}
