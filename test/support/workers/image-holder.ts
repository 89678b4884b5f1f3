import { openTestStore } from '../test-store.ts';

/** A process that uses an image until it is killed: `image-holder.ts ROOT DRIVER ID`. It says when it has it. */
const [root, driver, id] = process.argv.slice(2) as [string, string, string];
const store = await openTestStore(driver, { root });
store.graph.retainPresent(id);
process.stdout.write('holding\n');
process.stdin.resume();
