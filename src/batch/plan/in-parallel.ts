import { allDone } from '../../streams/all-done.ts';

/**
 * Does `work` for each item, so many at once, and answers what came of them in the order of the items. A failure is told when
 * the others under way have ended, and no more are begun: nobody works on for a caller that has gone on.
 */
export async function inParallel<Item, Value>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item, index: number) => Promise<Value>,
): Promise<Value[]> {
  const values: Value[] = Array.from({ length: items.length });
  let next = 0;
  const lane = async (): Promise<void> => {
    try {
      for (let index = next++; index < items.length; index = next++) values[index] = await work(items[index]!, index);
    } catch (error) {
      next = items.length;
      throw error;
    }
  };
  await allDone(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  return values;
}
