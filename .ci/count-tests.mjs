// Adds up the results that vitest's JSON reporter left in a directory: `N passed, N failed, N skipped`.
import { readFileSync, readdirSync } from 'node:fs';

const directory = process.argv[2];
const sum = { passed: 0, failed: 0, skipped: 0 };
for (const name of readdirSync(directory).filter((file) => file.endsWith('.json'))) {
  const result = JSON.parse(readFileSync(`${directory}/${name}`, 'utf8'));
  // A file that cannot even be loaded fails as a suite without tests.
  const brokenFiles = result.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  sum.passed += result.numPassedTests;
  sum.failed += result.numFailedTests + brokenFiles.length;
  sum.skipped += result.numPendingTests + result.numTodoTests;
}
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
