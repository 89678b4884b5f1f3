import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** Tests of Docker's graph, tag store, archive, index and image that have nothing to test here, and why. */
const WITHOUT: Readonly<Record<string, string>> = {
  TestPools: 'there are no pulls and pushes; work on one id is shared (test/graph/register.test.ts)',
  TestCmdStreamLargeStderr: 'only xz and bzip2 are run, from fixed paths (test/compression/external.test.ts)',
  TestCmdStreamBad: 'what a failing program wrote is removed, not handed on (test/compression/external.test.ts)',
  TestTarWithOptions: 'a directory is packed as it is: nothing is included, excluded or renamed',
  TestExtensionInvalid: 'no file name is made of a compression; media types say it (test/image/platform.test.ts)',
  TestExtensionUncompressed: 'as TestExtensionInvalid',
  TestExtensionBzip2: 'as TestExtensionInvalid',
  TestExtensionGzip: 'as TestExtensionInvalid',
  TestExtensionXz: 'as TestExtensionInvalid',
  TestChangeString: 'changes are written as layers, never shown as text',
};

const NAMES = [
  'Mount Init InterruptedRegister GraphCreate Register DeletePrefix Delete ByParent',
  'LookupImage ValidTagName InvalidTagName Pools',
  'TruncIndex GenerateRandomID ShortenId ParseRepositoryTag',
  'SizeEmpty SizeEmptyFile SizeNonemptyFile SizeNestedDirectoryEmpty SizeFileAndNestedDirectoryEmpty',
  'SizeFileAndNestedDirectoryNonempty CmdStreamLargeStderr CmdStreamBad TarUntar TypeXGlobalHeaderDoesNotFail',
  'TarWithOptions UntarInvalidFilenames UntarInvalidHardlink UntarInvalidSymlink UntarHardlinkToSymlink TarFiles',
  'TarWithHardLink TempArchiveCloseMultipleTimes DecompressStreamGzip DecompressStreamBzip2 DecompressStreamXz',
  'CompressStreamXzUnsuported CompressStreamBzip2Unsupported CompressStreamInvalid ExtensionInvalid',
  'ExtensionUncompressed ExtensionBzip2 ExtensionGzip ExtensionXz CanonicalTarNameForPath CanonicalTarName',
  'GenerateEmptyFile GenerateWithContent ChangesDirsEmpty ChangesDirsMutated ApplyLayer ChangeString',
  'ChangesWithNoChanges ChangesWithChanges ChangesWithChangesGH13590 ChangesSize ChangesSizeWithNoChanges',
  'ChangesSizeWithOnlyDeleteChanges ChangesSizeWithHardlinks HardLinkOrder ApplyLayerInvalidFilenames',
  'ApplyLayerInvalidHardlink ApplyLayerInvalidSymlink ApplyLayerWhiteouts MakeImageConfig GetStrongID',
  'MarshalKeyOrder FSGetSet TarStreamStability RegisterExistingLayer LayerSize EmptyLayer',
]
  .flatMap((line) => line.split(' '))
  .map((name) => `Test${name}`);

function namesInTests(): Set<string> {
  const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' });
  const texts = files
    .filter((file) => file.endsWith('.test.ts') && file !== 'original-names.test.ts')
    .map((file) => readFileSync(join(import.meta.dirname, file), 'utf8'));
  return new Set(texts.flatMap((text) => text.match(/(?<=['"`])Test[A-Z]\w+/g) ?? []));
}

test('the tests of the original are here by name, or it is said why not', () => {
  const here = namesInTests();
  expect(new Set(NAMES.filter((name) => !here.has(name)))).toEqual(new Set(Object.keys(WITHOUT)));
});
