import type { System } from '../src/system/system.ts';
import type { TaskHandlers } from '../src/tasks/task-pool.ts';
import { applyLayer } from './apply-layer.ts';
import { archiveLayer } from './archive-layer.ts';
import { archivePart } from './archive-part.ts';
import { cloneTree } from './clone-tree.ts';
import { copyBlob } from './copy-blob.ts';
import { digestBlob } from './digest-blob.ts';
import { digestLayer } from './digest-layer.ts';
import { hashLayer } from './hash-layer.ts';
import { indexArchive } from './index-archive.ts';
import { joinParts } from './join-parts.ts';
import { placeBlob } from './place-blob.ts';
import { sizeLayer } from './size-layer.ts';
import { unpackBlob } from './unpack-blob.ts';
import { unpackTree } from './unpack-tree.ts';

/** What a thread can do: a function for every task. */
export function createHandlers(system: System): TaskHandlers {
  return {
    'layer.apply': (input, context) => applyLayer(system, input, context),
    'layer.hash': (input, context) => hashLayer(system, input, context),
    'layer.digest': (input, context) => digestLayer(system, input, context),
    'layer.archive': (input, context) => archiveLayer(system, input, context),
    'layer.part': (input, context) => archivePart(system, input, context),
    'layer.join': (input, context) => joinParts(system, input, context),
    'layer.size': (input) => sizeLayer(system, input),
    'tree.clone': (input, context) => cloneTree(system, input, context),
    'tree.unpack': (input, context) => unpackTree(system, input, context),
    'blob.copy': copyBlob,
    'blob.place': placeBlob,
    'blob.unpack': unpackBlob,
    'blob.digest': digestBlob,
    'archive.index': indexArchive,
  };
}
