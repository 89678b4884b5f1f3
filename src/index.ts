/** layermill as a library: the store, its names, and the coordinator that works on it with threads. */
export type { LayerMount } from './archive/layer-mount.ts';
export type { LayerLimits } from './archive/limits.ts';
export { setupInitLayer } from './archive/init-layer.ts';
export type { Batch, BatchEntry, BatchLimits, BatchPacking, BatchSource } from './batch/batch.ts';
export type { BatchEvent, BatchProgress, ImageDone, PlanTotals } from './batch/events.ts';
export type { ImageFilter, NameFilter } from './batch/image-filter.ts';
export { type JobWithAccess, parseJobFile, readJobFile } from './batch/job-file/read-job-file.ts';
export type { Failure, FailureClass, Ledger, LedgerRow } from './batch/ledger/ledger.ts';
export { openLedger, openLedgerReadOnly } from './batch/ledger/open-ledger.ts';
export type { Estimate } from './batch/plan/estimate.ts';
export type { Plan, PlannedBlob, PlannedImage } from './batch/plan/plan.ts';
export { BlobCache, type BlobCacheOptions } from './cache/blob-cache.ts';
export type { Compression, CompressionProfile, OutputCompression, PackingName } from './compression/codec.ts';
export { profileFor } from './compression/codecs.ts';
export { loadSettings } from './config/load.ts';
export type { PartialSettings, Settings } from './config/settings.ts';
export type { Coordinator } from './coordinator/coordinator.ts';
export type { Job, JobResults, JobType } from './coordinator/job-list.ts';
export type { JobEvent, JobHandle, JobProgress, SubmitOptions } from './coordinator/job.ts';
export type { Driver, DriverContext, StagedLayer } from './drivers/driver.ts';
export { openDriver } from './drivers/registry.ts';
export {
  type Engine,
  type EngineOptions,
  openEngine,
  openPipeline,
  type Pipeline,
  type PipelineOptions,
} from './engine.ts';
export type { ErrorCode, ErrorDetails, ErrorKind } from './errors/codes.ts';
export { EngineError } from './errors/engine-error.ts';
export {
  ArchiveError,
  CancelledError,
  ConflictError,
  DriverError,
  hasCode,
  IntegrityError,
  InternalError,
  InvalidInputError,
  isEngineError,
  NotFoundError,
  RemoteError,
  ResourceError,
} from './errors/kinds.ts';
export type { FormatContext } from './formats/context.ts';
export type { RegistryOptions } from './formats/distribution/registry.ts';
export { openSink, openSource } from './formats/transports.ts';
export type { CreateOptions } from './graph/create.ts';
export { Graph, type GraphOptions } from './standalone-graph.ts';
export type { Image, ImageLayer } from './graph/image.ts';
export type { LayerInput } from './graph/layer-input.ts';
export type { TempArchive } from './graph/temp-archive.ts';
export { DEFAULT_TAG, type Repository, TagStore } from './graph/tag-store.ts';
export { type Digest, isDigest, parseDigest } from './identity/digest.ts';
export type { ImageSink } from './image/image-sink.ts';
export type { ImageSource, LegacyImage, ModernImage } from './image/image-source.ts';
export type { V1Image } from './image/v1-compat.ts';
export type { V1Config } from './image/v1-config.ts';
export { migrate, type MigrateOptions } from './migrate.ts';
export { planBatch, type PlannedBatch } from './plan-batch.ts';
export { createThreadPool, type ThreadPoolOptions } from './pool/thread-pool.ts';
export { StreamFormatter } from './reporting/stream-formatter.ts';
export type { BlobRef } from './streams/blob-ref.ts';
export { SpoolBudget } from './streams/spool-budget.ts';
export { openSystem } from './system/select.ts';
export type { System } from './system/system.ts';
export type { TaskPool } from './tasks/task-pool.ts';
