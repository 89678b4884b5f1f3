import { describe, expect, test } from 'vitest';
import * as layermill from '../src/index.ts';

/** Each line of the API of Docker's `graph` package, and what it is called here. */
const GRAPH: readonly (readonly [theirs: string, ours: string])[] = [
  ['NewGraph', 'Graph.open'],
  ['ByParent', 'graph.byParent'],
  ['Create', 'graph.create'],
  ['Delete', 'graph.delete'],
  ['Exists', 'graph.exists'],
  ['Get', 'graph.get'],
  ['Heads', 'graph.heads'],
  ['ImageRoot', 'graph.imageRoot'],
  ['IsNotExist', 'graph.isNotExist'],
  ['Map', 'graph.map'],
  ['Mktemp', 'graph.mktemp'],
  ['Register', 'graph.register'],
  ['TempLayerArchive', 'graph.tempLayerArchive'],
  ['NewTagStore', 'TagStore.open'],
  ['ByID', 'tags.byId'],
  ['Delete (tags)', 'tags.delete'],
  ['DeleteAll', 'tags.deleteAll'],
  ['Get (tags)', 'tags.get'],
  ['GetImage', 'tags.getImage'],
  ['ImageName', 'tags.imageName'],
  ['LookupImage', 'tags.lookupImage'],
  ['Reload', 'tags.reload'],
  ['Save', 'tags.save'],
  ['Set', 'tags.set'],
  ['SetupInitLayer', 'setupInitLayer'],
];

const HOLDERS: Readonly<Record<string, object>> = {
  Graph: layermill.Graph,
  graph: layermill.Graph.prototype,
  TagStore: layermill.TagStore,
  tags: layermill.TagStore.prototype,
};

describe('the API of the graph package', () => {
  test.each(GRAPH)('%s is %s', (_theirs, ours) => {
    const [holder, name] = ours.includes('.') ? (ours.split('.') as [string, string]) : [null, ours];
    const object = holder === null ? layermill : HOLDERS[holder]!;
    expect(typeof (object as Record<string, unknown>)[name!]).toBe('function');
  });

  test('Root and Driver are fields of a graph, Repositories is one of a tag store, DEFAULTTAG is a constant', () => {
    expect(Object.getOwnPropertyNames(layermill.TagStore.prototype)).toContain('repositories');
    expect(layermill.DEFAULT_TAG).toBe('latest');
    // Fields of instances: a graph that is open has them (test/golden.test.ts opens some).
    const fields: (keyof layermill.Graph)[] = ['root', 'driver'];
    const type: layermill.Repository = new Map([['latest', 'id']]);
    expect([...fields, type.size]).toEqual(['root', 'driver', 1]);
  });
});

test('what the package exports changes on purpose only', () => {
  expect(Object.keys(layermill).sort()).toEqual([
    'ArchiveError',
    'BlobCache',
    'CancelledError',
    'ConflictError',
    'DEFAULT_TAG',
    'DriverError',
    'EngineError',
    'Graph',
    'IntegrityError',
    'InternalError',
    'InvalidInputError',
    'NotFoundError',
    'RemoteError',
    'ResourceError',
    'SpoolBudget',
    'StreamFormatter',
    'TagStore',
    'createThreadPool',
    'hasCode',
    'isDigest',
    'isEngineError',
    'loadSettings',
    'migrate',
    'openDriver',
    'openEngine',
    'openLedger',
    'openLedgerReadOnly',
    'openPipeline',
    'openSink',
    'openSource',
    'openSystem',
    'parseDigest',
    'parseJobFile',
    'planBatch',
    'profileFor',
    'readJobFile',
    'setupInitLayer',
  ]);
});
