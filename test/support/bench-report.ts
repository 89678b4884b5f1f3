import type { BenchReport, Entrant, ScenarioName } from '../../src/bench/report.ts';

/** An entrant with the seconds given. */
export function entrant(
  fields: Partial<Omit<Entrant, 'samples'>> & { seconds: readonly number[]; threads: number | null },
): Entrant {
  const { seconds, ...rest } = fields;
  return {
    tool: 'layermill',
    commands: ['layermill --root RUN/store import image.tar'],
    samples: seconds.map((value) => ({ seconds: value, cpuSeconds: 2 * value, peakBytes: 100e6 })),
    outBytes: null,
    differs: null,
    failure: null,
    ...rest,
  };
}

/** A case of 100 MB in 1000 entries of two images. */
export function benchCase(
  entrants: Entrant[],
  scenario: ScenarioName = 'export',
  packing: string | null = 'zstd:3',
): BenchReport['cases'][number] {
  return { scenario, packing, work: { bytes: 100e6, entries: 1000, images: 2 }, entrants };
}

/** A report of one case, `export zstd:3`. */
export function benchReport(entrants: Entrant[]): BenchReport {
  return {
    format: 1,
    layermill: '0.1.0',
    started: '2024-05-06T07:08:09.000Z',
    machine: { cpu: 'Some CPU', cores: 2, memoryBytes: 8e9, kernel: '6.1', node: 'v20.20.0' },
    corpus: { description: 'image.tar', images: 2, layers: 3, bytes: 100e6, entries: 1000, identity: 'sha256:abc' },
    rounds: 3,
    cache: { wanted: 'warm', done: 'warm' },
    work: { path: '/tmp/layermill-x', fileSystem: 'tmpfs' },
    peers: [],
    cases: [benchCase(entrants)],
    best: { threads: 2, packing: null, sentences: [] },
    notes: [],
  };
}
