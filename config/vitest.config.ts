import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What takes long and does not depend on who does it: left out where the tests are run once more as somebody else. */
const alike =
  process.env['LAYERMILL_TEST_AS_USER'] === '1'
    ? [
        'test/batch/**',
        'test/cli/{bench,run-*}.test.ts',
        'test/compression/**',
        'test/formats/distribution/**',
        'test/threads/{determinism,pool}.test.ts',
      ]
    : [];
/** Each project is one kind of test; `unit` starts no thread, `cli` and `interop` run the built program. */
const project = (name: string, include: string[], exclude: string[] = []): object => ({
  extends: true,
  test: { name, include, exclude: ['node_modules/**', ...alike, ...exclude] },
});

const apart = ['test/threads/**', 'test/cli/**', 'test/interop/**'];

export default defineConfig({
  root,
  test: {
    pool: 'forks',
    // The default leaves a core to whoever watches: on two cores the files would run one after the other.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      project('unit', ['test/**/*.test.ts'], apart),
      project('threads', ['test/threads/**/*.test.ts']),
      project('cli', ['test/cli/**/*.test.ts']),
      project('interop', ['test/interop/**/*.test.ts']),
    ],
  },
});
