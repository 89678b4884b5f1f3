import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { parseJobFile } from '../src/batch/job-file/read-job-file.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What stands in README as TypeScript. */
function examples(): string[] {
  const text = readFileSync(join(root, 'README.md'), 'utf8');
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!);
}

it('has a job file that means what it says', () => {
  const text = readFileSync(join(root, 'README.md'), 'utf8');
  const jobs = [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, job]) => job!);
  expect(jobs).toHaveLength(1);
  const { batch } = parseJobFile(jobs[0]!, 'README.md', { REGISTRY_PASSWORD: 'secret' });
  expect(batch.entries.map(({ source }) => source.type)).toEqual(['pattern', 'repository', 'location']);
});

it('has examples that compile against what the package exports', () => {
  const dir = mkdtempSync(join(tmpdir(), 'layermill-readme-'));
  try {
    const files = examples().map((code, at) => {
      writeFileSync(join(dir, `example-${at}.ts`), code);
      return `example-${at}.ts`;
    });
    expect(files.length).toBeGreaterThan(3);
    writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
    const options = {
      paths: { layermill: [join(root, 'src/index.ts')] },
      typeRoots: [join(root, 'node_modules/@types')],
      noEmit: true,
    };
    const config = { extends: join(root, 'tsconfig.json'), compilerOptions: options, include: [], files };
    writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify(config));
    const tsc = join(root, 'node_modules/.bin/tsc');
    const { stdout, status } = spawnSync(tsc, ['-p', join(dir, 'tsconfig.json')], { encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
