import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importJob } from '../../src/batch/job-file/import-job.ts';
import { expandSources } from '../../src/batch/plan/expand-sources.ts';
import { registriesFor } from '../../src/formats/distribution/registries-of.ts';
import { type DockerRegistry, startDockerRegistry } from '../support/docker-registry.ts';
import { openFormatLab } from '../support/format-context.ts';
import { FixtureLayout, fixtureImage, fixtureLayer, writeDirectory } from '../support/image-fixture.ts';
import { missing, run } from '../support/programs.ts';

const absent = missing(['docker-registry', 'skopeo']);
if (absent.length > 0) console.log(`skipped: ${absent.join(' and ')} not installed`);

const TAGS = ['1.13.1', '1.13.2', '1.13.2-alpine', '1.14', 'v2', 'latest'];

describe.skipIf(absent.length > 0)('a file of skopeo sync', () => {
  let server: DockerRegistry;
  let dir: string;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'layermill-skopeo-sync-'));
    server = await startDockerRegistry();
    const layout = new FixtureLayout();
    layout.list([layout.image(fixtureImage([fixtureLayer({ f: 'x' })], { names: [] }))]);
    writeDirectory(join(dir, 'layout'), layout.files);
    for (const tag of TAGS) {
      const to = `docker://${server.host}/team/app:${tag}`;
      run('skopeo', 'copy', '-q', '--insecure-policy', '--dest-tls-verify=false', `oci:${join(dir, 'layout')}`, to);
    }
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  it.each([
    ['all of them', 'images: { team/app: [] }'],
    ['some by name', 'images: { team/app: [v2, "1.14"] }'],
    ['anywhere in the name', 'images-by-tag-regex: { team/app: "1\\\\.1" }'],
    ['the whole name', 'images-by-tag-regex: { team/app: "^1\\\\.13\\\\.[12]$" }'],
    ['alternatives', 'images-by-tag-regex: { team/app: "^v|alpine$" }'],
    ['the end', 'images-by-tag-regex: { team/app: "[24]$" }'],
  ])('means the same images here: %s', async (_name, images) => {
    const file = join(dir, 'sync.yml');
    writeFileSync(file, `${JSON.stringify(server.host)}:\n  tls-verify: false\n  ${images}\n`);
    const { job } = await importJob(file, { env: {}, target: 'oci:/out' });
    await using lab = openFormatLab();
    await using registries = registriesFor(lab.context, 'source', { ...job.registries, env: {} });
    const ours: string[] = [];
    for await (const { location, error } of expandSources(job.batch, {
      registries,
      signal: new AbortController().signal,
    })) {
      expect(error).toBe(null);
      ours.push(location);
    }
    // It makes the directories of what it would copy, and does not want to find them again.
    const told = run(
      'sh',
      '-c',
      `skopeo --insecure-policy sync --src yaml --dest dir --dry-run "$1" "$2" 2>&1`,
      'sh',
      file,
      mkdtempSync(join(dir, 'none-')),
    );
    const theirs = [...told.matchAll(/from="?(docker:[^\s"]+)/g)].map(([, from]) => from!);
    expect(ours.length).toBeGreaterThan(0);
    expect(ours.toSorted()).toEqual(theirs.toSorted());
  });
});
