import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDriver } from '../../src/drivers/registry.ts';
import { Graph, type GraphOptions } from '../../src/graph/graph.ts';
import { TagStore } from '../../src/graph/tag-store.ts';
import { createInlinePool } from '../../src/pool/inline-pool.ts';
import { openSystem } from '../../src/system/select.ts';
import type { System } from '../../src/system/system.ts';
import type { TaskPool } from '../../src/tasks/task-pool.ts';
import { createHandlers } from '../../workers/handlers.ts';
import { serve } from '../../workers/serve.ts';

/** A pool without threads that really does the work. */
export function inlinePool(system: System = openSystem()): TaskPool {
  return createInlinePool(serve(createHandlers(system)));
}

export interface TestStore extends AsyncDisposable {
  root: string;
  graph: Graph;
  tags: TagStore;
  pool: TaskPool;
}

/** A store in a temporary directory of its own (or at `root`, which then stays). */
export async function openTestStore(
  driverName: string,
  options: Partial<GraphOptions> & { root?: string } = {},
): Promise<TestStore> {
  const root = options.root ?? join(mkdtempSync(join(tmpdir(), 'layermill-store-')), 'store');
  const pool = options.pool ?? inlinePool();
  const system = openSystem();
  const driver = await openDriver(driverName, {
    home: join(root, driverName),
    pool,
    readOnly: options.readOnly ?? false,
  });
  const graph = await Graph.open(root, driver, { durability: 'none', ...options, pool, system });
  const tags = await TagStore.open(join(root, `repositories-${driverName}`), graph);
  graph.nameImagesBy((id) => tags.namesOf(id));
  return {
    root,
    graph,
    tags,
    pool,
    [Symbol.asyncDispose]: async () => {
      await graph.close();
      if (options.pool === undefined) await pool.close();
      if (options.root === undefined) await rm(join(root, '..'), { recursive: true, force: true });
    },
  };
}
