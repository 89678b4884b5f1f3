import { join } from 'node:path';
import { openJobLab } from '../job-lab.ts';
import { dockerArchiveFiles, fixtureImage, fixtureLayer, writeArchiveFile } from '../image-fixture.ts';

/**
 * One of several processes that write to one store: `store-writer.ts ROOT DRIVER NUMBER TAGS`. All import the same five
 * archives at once and name their images, each under names of its own.
 */
const [root, driver, number, tags] = process.argv.slice(2) as [string, string, string, string];
const lab = await openJobLab({ driver, root, jobs: 5 });
const imports = Array.from({ length: 5 }, (_, index) => {
  const layers = [fixtureLayer({ base: 'shared' }), fixtureLayer({ [`layer-${index}`]: `${index}` }, 'gzip')];
  const image = fixtureImage(layers, { names: [`imported-${number}:${index}`] });
  return lab.import(writeArchiveFile(join(lab.formats.dir, `${index}.tar`), dockerArchiveFiles([image])));
});
const ids = (await Promise.all(imports)).flat().map((result) => {
  if (result.error !== null) throw new Error(JSON.stringify(result.error));
  return result.id;
});
for (let at = 0; at < Number(tags); at += 10) {
  await Promise.all(
    Array.from({ length: 10 }, (_, offset) =>
      lab.store.tags.set(`writer-${number}`, `${at + offset}`, ids[(at + offset) % ids.length]!),
    ),
  );
}
await lab[Symbol.asyncDispose]();
