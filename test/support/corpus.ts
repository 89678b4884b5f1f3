import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Real images of public projects, beside the project where they are there: `present` tells. */
const CORPUS: string = join(import.meta.dirname, '../../../shared/corpus');
export const present: boolean = existsSync(CORPUS);

/** What umoci made of an image; without a config digest or DiffIDs where there was no image to make anything of. */
export interface ExpectedRow {
  path: string;
  config_digest?: string | null;
  os?: string | null;
  architecture?: string | null;
  variant?: string | null;
  diff_ids?: string[];
  chain_ids?: string[];
  tree?: string | null;
  umoci_unpack_error?: string;
}

export function expectedRows(): ExpectedRow[] {
  return lines('expected.jsonl').map((line) => JSON.parse(line) as ExpectedRow);
}

/** Whether a row is of an image: other rows are of artifacts, whose config has no platform and no layers. */
export function isImageRow(row: ExpectedRow): boolean {
  return typeof row.config_digest === 'string' && row.os !== null && row.os !== undefined;
}

/** How much of it there must be: a test that goes over the corpus has gone over as much. */
export const CORPUS_COUNTS = {
  images: 48,
  layers: 145,
  trees: 47,
  artifacts: 4,
  refused: 1,
  hostile: 15,
  broken: 7,
} as const;

/** Where a file of the corpus is. */
export function corpusFile(path: string): string {
  return join(CORPUS, path);
}

/** The paths of INDEX.tsv whose category passes. */
export function corpusPaths(passes: (category: string) => boolean): string[] {
  const rows = lines('INDEX.tsv').slice(1);
  return rows.map((line) => line.split('\t')).flatMap((row) => (passes(row[7]!) ? [row[0]!] : []));
}

function lines(file: string): string[] {
  return present ? readFileSync(corpusFile(file), 'utf8').trim().split('\n') : [];
}

/**
 * The path to read an image from. Layouts whose blobs were symbolic links came through a checkout that writes a link as
 * a file with its target; they are copied to `dir` and get their links back.
 */
export function corpusImage(path: string, dir: string): string {
  const original = corpusFile(path);
  if (!path.startsWith('docker-library_busybox/')) return original;
  const copy = join(dir, path.replaceAll('/', '_'));
  if (existsSync(copy)) return copy;
  cpSync(original, copy, { recursive: true });
  // The corpus is read-only, and so is a copy of it, which nobody but root could change or remove.
  for (const below of ['', 'blobs', 'blobs/sha256']) chmodSync(join(copy, below), 0o755);
  const blobs = join(copy, 'blobs/sha256');
  for (const name of readdirSync(blobs)) restoreLink(join(blobs, name));
  return copy;
}

function restoreLink(path: string): void {
  if (statSync(path).size > 255) return;
  const target = readFileSync(path, 'utf8');
  if (!target.startsWith('../../') || target !== `../../${basename(target)}`) return;
  rmSync(path, { force: true });
  symlinkSync(target, path);
}

/** Images that another tool took and we do not, and why. */
export const REFUSED: ReadonlyMap<string, { code: string; why: string }> = new Map([
  [
    'google_go-containerregistry/pkg/v1/mutate/testdata/source_image_with_empty_layer_history.tar',
    { code: 'DIGEST_MISMATCH', why: 'its config was edited, and is not what the digest in its name promises' },
  ],
]);

/**
 * Images with a file of a layer below that gets another name in a layer above, while its older names stay where they
 * are: an overlay copies the file up before it links to it, so that the names come apart. `unpack` keeps them together.
 */
export const NAMES_APART_ON_OVERLAY: ReadonlySet<string> = new Set([
  'sylabs_oci-tools/test/images/hard-link-delete-4/',
]);

/** What reading the layouts that are broken ends with, image by image; bytes of layers are not looked at for it. */
export const BROKEN_LAYOUTS: Readonly<Record<string, string[]>> = {
  'anchore_stereoscope/pkg/image/oci/testdata/valid_manifest/': ['SIZE_MISMATCH'],
  'containers_container-libs/common/pkg/manifests/testdata/artifacts/config-only/': ['NOT_AN_IMAGE'],
  'containers_container-libs/image/oci/layout/fixtures/delete_image_only_one_image/': ['SIZE_MISMATCH'],
  'containers_container-libs/image/oci/layout/fixtures/delete_image_shared_blobs_dir/': ['BLOB_MISSING'],
  'google_go-containerregistry/pkg/v1/layout/testdata/test_gc_image_unknown_mediatype/': ['NOT_AN_IMAGE'],
  'sylabs_oci-tools/test/images/aufs-docker-v2-manifest/': ['SIZE_MISMATCH'],
  'sylabs_oci-tools/test/images/overlayfs-docker-v2-manifest/': ['MEDIA_TYPE_UNSUPPORTED'],
};
