import { rmSync } from 'node:fs';
import { openTestStore } from '../test-store.ts';
import { fixtureImage, fixtureLayer } from '../image-fixture.ts';
import { imageDirectory, modernImage } from '../modern-image.ts';

/**
 * One of several processes that write to one store: `store-writer.ts ROOT DRIVER NUMBER TAGS`. All bring the same images
 * and name them, each under names of its own.
 */
const [root, driver, number, tags] = process.argv.slice(2) as [string, string, string, string];
const store = await openTestStore(driver, { root });
const dir = imageDirectory();
const images = Array.from({ length: 5 }, (_, index) =>
  fixtureImage([fixtureLayer({ base: 'shared' }), fixtureLayer({ [`layer-${index}`]: `${index}` }, 'gzip')]),
);
const ids = await Promise.all(
  images.map(async (image) => (await store.graph.addImage(modernImage(dir, image), { blobs: 'keep' })).id),
);
for (let at = 0; at < Number(tags); at += 10) {
  await Promise.all(
    Array.from({ length: 10 }, (_, offset) =>
      store.tags.set(`writer-${number}`, `${at + offset}`, ids[(at + offset) % ids.length]!),
    ),
  );
}
await store[Symbol.asyncDispose]();
rmSync(dir, { recursive: true });
