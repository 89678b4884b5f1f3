import type { NameFilter } from './batch.ts';

/** Which images of an entry are wanted: all that is said here must hold. JSON values only. */
export interface ImageFilter extends NameFilter {
  /** Ranges of semantic versions that the tag must be in one of; a tag that is no version is not let through. */
  semver?: readonly string[] | undefined;
  /** Of each repository only so many: the newest, by version where all tags are versions, else by the time in the config. */
  newest?: number | undefined;
  /** Only images whose config says that they were made then or later: RFC 3339, a date, or an age such as `90d`. */
  createdSince?: string | undefined;
}
