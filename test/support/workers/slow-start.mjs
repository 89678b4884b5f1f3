import { writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

/** A thread that takes its time to load, and leaves a file when it has. */
await setTimeout(300);
writeFileSync(process.env.SLOW_START_MARK, '');
export default () => undefined;
