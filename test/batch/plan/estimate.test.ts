import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Estimate, estimate, refuseShortage } from '../../../src/batch/plan/estimate.ts';
import type { Plan, PlannedBlob, PlannedImage } from '../../../src/batch/plan/plan.ts';
import { type FormatLab, openFormatLab } from '../../support/format-context.ts';

const MIB = 1024 * 1024;
let lab: FormatLab;
beforeEach(() => void (lab = openFormatLab()));
afterEach(() => lab.close());

function planOf(blobs: Partial<PlannedBlob>[], sources: string[] = []): Plan {
  return {
    version: 1,
    id: 'x',
    batch: { entries: [], limits: {} },
    sources: sources.map((location) => ({ location, entry: 0, fingerprint: null })),
    images: sources.map((_unused, source) => ({ source, kind: 'image' }) as unknown as PlannedImage),
    blobs: blobs.map(
      (blob) => ({ profile: 'keep', there: false, destination: 'oci:/nowhere/out', ...blob }) as PlannedBlob,
    ),
  };
}

describe('an estimate', () => {
  it('measures what this machine packs, and counts what is not there yet', async () => {
    const plan = planOf([
      { size: 100 * MIB, profile: 'zstd/1.5.6:l3:f8M' },
      { size: 50 * MIB },
      { size: 900 * MIB, there: true },
    ]);
    const { seconds, rates, disks, memory } = await estimate(plan, lab.context, 20 * MIB);
    expect(Object.keys(rates.pack)).toEqual(['zstd/1.5.6:l3:f8M']);
    expect(seconds).toBeGreaterThan(0);
    const needed = disks.reduce((sum, disk) => sum + disk.needed, 0);
    // What is packed becomes smaller; one layer larger than the budget passes through files alone.
    expect(needed).toBeGreaterThan(150 * MIB);
    expect(needed).toBeLessThan(250 * MIB);
    expect(memory.needed).toBe((120 + 80 * lab.context.pool.threads) * MIB);
  });

  it('counts an archive twice, a registry not at all, and the manifests that registries are asked for', async () => {
    const archive = await estimate(planOf([{ size: MIB, destination: 'oci-archive:/nowhere/a' }]), lab.context, 0);
    expect(archive.disks.reduce((sum, disk) => sum + disk.needed, 0)).toBe(3 * MIB);
    const sources = ['docker://docker.io/library/a:1', 'docker://docker.io/library/b:1', '/a.tar'];
    const remote = planOf([{ size: MIB, destination: 'docker://registry.example/a' }], sources);
    const { disks, pulls } = await estimate(remote, lab.context, MIB);
    expect(disks.map(({ needed }) => needed)).toEqual([MIB]);
    expect(pulls).toEqual([{ host: 'docker.io', needed: 2, left: null, limit: null }]);
  });
});

describe('what will not do', () => {
  const fits: Estimate = {
    seconds: 1,
    threads: 2,
    rates: { keep: 1, pack: {} },
    disks: [{ path: '/out', needed: 5, free: 5 }],
    memory: { needed: 5, free: 5 },
    pulls: [{ host: 'docker.io', needed: 5, left: 5, limit: 100 }],
  };

  it('is refused for disk, memory or pulls, whichever is short', () => {
    expect(() => refuseShortage(fits)).not.toThrow();
    for (const [what, short] of [
      ['disk', { disks: [{ path: '/out', needed: 6, free: 5 }] }],
      ['memory', { memory: { needed: 6, free: 5 } }],
      ['pulls', { pulls: [{ host: 'docker.io', needed: 6, left: 5, limit: 100 }] }],
    ] as const) {
      const refuse = (): void => refuseShortage({ ...fits, ...(short as Partial<Estimate>) });
      expect(refuse).toThrow(
        expect.objectContaining({ code: 'PLAN_DOES_NOT_FIT', details: { what, needed: 6, available: 5 } }),
      );
    }
  });
});
