import { mkdirSync, rmSync } from 'node:fs';
import { LayerApplier } from '../src/archive/apply-layer.ts';
import { NeedsLower } from '../src/archive/layer-tree.ts';
import { openLowerView } from '../src/archive/merged-tree.ts';
import { Payload } from '../src/archive/payload.ts';
import { RecordWriter } from '../src/archive/record-writer.ts';
import { shownName } from '../src/archive/shown-name.ts';
import type { System } from '../src/system/system.ts';
import type { AppliedLayer, ApplyLayer } from '../src/tasks/task-map.ts';
import type { TaskContext } from '../src/tasks/task-pool.ts';
import { readLayer, readUnhashed, toVisitor } from './read-layer.ts';
import { Scope } from './scope.ts';

/** Entries between two looks at the cancel word. */
const ENTRIES_PER_TICK = 64;

/** Task `layer.apply`. */
export function applyLayer(system: System, input: ApplyLayer, context: TaskContext): AppliedLayer {
  try {
    return apply(system, input, context);
  } catch (error) {
    if (!(error instanceof NeedsLower)) throw error;
    emptyDirectory(input.target.dir);
    emptyDirectory(input.meta);
    return { status: 'needs-lower', entry: shownName(error.entry) };
  }
}

function apply(system: System, input: ApplyLayer, context: TaskContext): AppliedLayer {
  using open = new Scope();
  const { target } = input;
  const writer = open.adopt(new RecordWriter(input.meta), (record) => record.close());
  const payload = open.adopt(new Payload(system, input.meta), (files) => files.close());
  const lower =
    target.style === 'overlay' && target.lowers !== null && target.lowers.length > 0
      ? open.adopt(openLowerView(system, target.lowers), (view) => view.close())
      : null;
  const privileged = process.geteuid?.() === 0;
  const applier = open.adopt(
    new LayerApplier(system, {
      dir: Buffer.from(target.dir).toString('latin1'),
      style: target.style,
      stacked: target.lowers === null || target.lowers.length > 0,
      lower,
      policy: { privileged, keepAccess: true, warn: context.warn },
      record: { writer, payload },
      lateModes: null,
      onEntry: everyEntry(context),
    }),
    (layer) => layer.close(),
  );
  const reader = toVisitor(applier, 'write', input.limits, context);
  const read =
    input.bytes === null
      ? readUnhashed(system, input, reader, context)
      : readLayer(system, { ...input, bytes: input.bytes }, reader, context);
  context.cell.enter('write');
  applier.finish();
  writer.finish();
  return { status: 'applied', entries: applier.entries, size: applier.size, ...read };
}

function everyEntry(context: TaskContext): () => void {
  let entries = 0;
  return () => {
    context.cell.addEntries(1);
    if (++entries % ENTRIES_PER_TICK === 0) context.cell.throwIfCancelled();
  };
}

/** The directory belongs to the main thread and stays; what this task put in it goes. */
function emptyDirectory(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { mode: 0o700 });
}
