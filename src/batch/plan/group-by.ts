/** Lists of items that have the same key, in the order of the items. */
export function groupBy<Item, Key>(items: readonly Item[], keyOfItem: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const known = groups.get(keyOfItem(item));
    if (known === undefined) groups.set(keyOfItem(item), [item]);
    else known.push(item);
  }
  return groups;
}
