// Preloaded into a program under test (NODE_OPTIONS=--import): writes the most memory that the process ever had resident,
// in bytes, to the file that MEMORY_REPORT names. VmHWM and not getrusage, which also counts the parent before exec.
import { readFileSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  process.on('exit', () => {
    const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    writeFileSync(process.env.MEMORY_REPORT, String(Number(kib) * 1024));
  });
}
