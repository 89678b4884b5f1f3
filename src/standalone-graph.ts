import type { Driver } from './drivers/driver.ts';
import { Graph as PooledGraph, type GraphOptions as PooledGraphOptions } from './graph/graph.ts';
import { threadCount } from './pool/cpu-count.ts';
import { createThreadPool } from './pool/thread-pool.ts';
import { openSystem } from './system/select.ts';
import type { System } from './system/system.ts';
import type { TaskPool } from './tasks/task-pool.ts';

export interface GraphOptions extends Omit<PooledGraphOptions, 'pool' | 'system'> {
  /** Threads to work on, which stay the caller's. Without them the graph starts its own, one a core, and ends them. */
  pool?: TaskPool;
  system?: System;
}

/** The graph as the package gives it: it needs a directory and a driver, and brings everything else itself. */
export class Graph extends PooledGraph {
  #ownPool: TaskPool | null = null;

  /**
   * Opens the images in the store `root`, with the driver that has their layers, and removes what a crash left. A
   * directory that layermill did not make opens read only unless it is empty or adopted. Close it in the end.
   */
  static override async open(root: string, driver: Driver, options: GraphOptions = {}): Promise<Graph> {
    const { system = openSystem() } = options;
    const ownPool = options.pool === undefined ? createThreadPool({ threads: threadCount('auto') }) : null;
    const pool = (options.pool ?? ownPool)!;
    try {
      // Made by `new this`, so it is one of ours.
      const graph = (await super.open(root, driver, { ...options, pool, system })) as Graph;
      graph.#ownPool = ownPool;
      return graph;
    } catch (error) {
      await ownPool?.close();
      throw error;
    }
  }

  /** Closes the driver, and ends the threads when they are the graph's own. */
  override async close(): Promise<void> {
    await this.#ownPool?.close();
    await super.close();
  }
}
