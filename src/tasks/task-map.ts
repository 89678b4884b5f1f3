import type { LayerLimits } from '../archive/limits.ts';
import type { LayerMount } from '../archive/layer-mount.ts';
import type { TarSource } from '../archive/tar-source.ts';
import type { Compression, CompressionProfile } from '../compression/codec.ts';
import type { Digest } from '../identity/digest.ts';
import type { BlobRef } from '../streams/blob-ref.ts';
import type { FileState } from '../streams/read-blob.ts';

/** Every task that a worker thread can do: JSON values in, JSON values out, so that a mistake does not compile. */
export interface TaskMap {
  /** Reads a layer to its real end, applies it to a directory and writes its record. */
  'layer.apply': { input: ApplyLayer; output: AppliedLayer };
  /** Hashes the blob of a layer, beside the task that applies it and looks at everything but the digests. */
  'layer.hash': { input: HashLayer; output: HashedLayer };
  /** Reads a layer to its real end and hashes it, without extracting anything. */
  'layer.digest': { input: DigestLayer; output: LayerDigests };
  /** Writes the tar of a layer, packed by a profile, into a new file. */
  'layer.archive': { input: ArchiveLayer; output: ArchivedLayer };
  /** Packs one part (PART_BYTES of tar) of a recorded layer, or of a plain tar in a file, into a new file. */
  'layer.part': { input: ArchivePart; output: ArchivedPart };
  /** Adds packed parts to the end of a file and hashes it; the part files are gone afterwards. */
  'layer.join': { input: JoinParts; output: JoinedParts };
  /** Bytes that a layer adds or changes, as the graph package counted them. */
  'layer.size': { input: { mount: LayerMount }; output: { size: number } };
  /** Makes `to` a copy of the tree `from`: hard links where nothing is written in place, else reflinks or copies. */
  'tree.clone': { input: { from: string; to: string }; output: { entries: number } };
  /** Applies layers, base first, to an empty directory: the image's whole file tree. */
  'tree.unpack': { input: UnpackTree; output: { entries: number } };
  /** Copies a blob into a new file and checks size and digest on the way. */
  'blob.copy': { input: { blob: BlobRef; to: string }; output: BlobDigest };
  /** Copies a blob into a file that is there, from byte `at` on. */
  'blob.place': { input: { blob: BlobRef; to: string; at: number }; output: { size: number } };
  /** Unpacks a packed blob into a new file; both are hashed, and the blob's digest is checked. */
  'blob.unpack': {
    input: { blob: BlobRef; to: string; limits: LayerLimits };
    output: BlobDigest & { packed: BlobDigest };
  };
  /** Hashes a blob, and checks size and digest. */
  'blob.digest': { input: { blob: BlobRef }; output: BlobDigest & { state: FileState } };
  /** The members of an outer archive (uncompressed), in order, with the ranges of their bodies. */
  'archive.index': { input: { blob: BlobRef; limits: LayerLimits }; output: { members: ArchiveMember[] } };
}

export type TaskName = keyof TaskMap;
export type TaskInput<Name extends TaskName> = TaskMap[Name]['input'];
export type TaskOutput<Name extends TaskName> = TaskMap[Name]['output'];

export interface ApplyLayer {
  source: TarSource;
  /** The staging directory to fill, and what is below it; null while the layers below are not complete. */
  target: LayerMount | { style: 'overlay'; dir: string; lowers: null };
  /** The staging directory for `record` and `payload/`; both are written there. */
  meta: string;
  /** Null when `layer.hash` does all that is to be done with the bytes themselves. */
  bytes: LayerBytes | null;
  limits: LayerLimits;
}

/** What is to be done with the bytes of a layer. */
export interface LayerBytes {
  /** Copy the packed bytes here while reading them, or null. The file is removed when the task fails. */
  keepBlob: string | null;
  expected: { diffId?: Digest };
}

export type AppliedLayer =
  | { status: 'applied'; entries: number; size: number; digests: LayerDigests | null; state: FileState | null }
  /** The entry needs the layers below and `lowers` was null: run again when they are complete. `dir` and `meta` are emptied. */
  | { status: 'needs-lower'; entry: string };

export interface HashLayer {
  source: TarSource & { from: 'blob' };
  bytes: LayerBytes;
  limits: LayerLimits;
}

export interface HashedLayer {
  digests: LayerDigests;
  state: FileState | null;
}

export interface DigestLayer {
  source: TarSource;
  expected: { diffId?: Digest };
  limits: LayerLimits;
}

export interface LayerDigests {
  /** Of the unpacked tar, to the real end of the stream. */
  diffId: Digest;
  tarSize: number;
  /** The states of its SHA-256 after 1, 2, … whole parts (PART_BYTES), base64; null where they cannot be had. */
  midstates: string | null;
  /** Of the bytes as they were stored. */
  blob: BlobDigest;
  compression: Compression;
}

export interface BlobDigest {
  digest: Digest;
  size: number;
}

export interface ArchiveLayer {
  source: TarSource;
  profile: CompressionProfile;
  to: string;
  /** Checked before the task answers; the file is removed when it does not agree. */
  expected: { diffId?: Digest };
  limits: LayerLimits;
}

export interface ArchivedLayer {
  diffId: Digest;
  tarSize: number;
  blob: BlobDigest;
}

/** A tar of which any part can be had without those before it; the blob is a plain tar. */
export type PartSource = TarSource & { from: 'record' | 'blob' };

export interface ArchivePart {
  source: PartSource;
  profile: CompressionProfile;
  /** Bytes of the whole tar, which its record has to say too. */
  tarSize: number;
  /** Which part, from 0. */
  part: number;
  last: boolean;
  to: string;
  /** Where in `to` the bytes go; parts of an uncompressed output are written in place. */
  at: number;
  proof: PartProof | null;
}

/** What the SHA-256 of a tar was before a part and after it (base64); null before the first part, and after the last. */
export interface PartProof {
  diffId: Digest;
  before: string | null;
  after: string | null;
}

export interface ArchivedPart {
  /** Bytes of tar in the part, their CRC-32, and the bytes it was packed to. */
  tarSize: number;
  crc32: number;
  packedSize: number;
  /** Of the file that was read; null for a recorded layer, whose files are many. */
  state: FileState | null;
  /** Whether the proof was made; false where the thread has not what it needs for that. */
  proven: boolean;
}

export interface JoinParts {
  /** The next parts, in order. */
  parts: { path: string; tarSize: number; crc32: number }[];
  /** What was joined before; null for the first parts. */
  joined: JoinedParts | null;
  last: boolean;
  profile: CompressionProfile;
  to: string;
}

export interface JoinedParts {
  /** Bytes of the file so far, of the tar in it, and the CRC-32 of that. */
  size: number;
  tarSize: number;
  crc32: number;
  /** The SHA-256 of the file so far, to be gone on with; null where that cannot be done. */
  running: string | null;
  /** Null until the last part was joined. */
  digest: Digest | null;
}

interface UnpackTree {
  layers: TarSource[];
  dir: string;
  limits: LayerLimits;
}

/** A member of an outer archive. */
export interface ArchiveMember {
  /** Byte string, uncleaned. */
  name: string;
  type: 'file' | 'hardlink' | 'symlink' | 'dir' | 'other';
  linkname: string;
  /** Range of the body in the archive. */
  offset: number;
  size: number;
}
