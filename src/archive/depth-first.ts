/**
 * Gives `first` and, after each item, what is inside it. A loop, not a recursion: trees may be deeper than the stack.
 */
export function* depthFirst<Item>(first: Item[], inside: (item: Item) => Item[]): Generator<Item> {
  const levels = [first.toReversed()];
  while (levels.length > 0) {
    const item = levels.at(-1)!.pop();
    if (item === undefined) {
      levels.pop();
      continue;
    }
    yield item;
    const items = inside(item);
    if (items.length > 0) levels.push(items.reverse());
  }
}
