import { engineError } from './kinds.ts';

/** Refuses, with INVALID_ARGUMENT, what a caller without types may give where text is wanted. */
export function requireText(value: unknown, argument: string): asserts value is string {
  if (typeof value === 'string') return;
  throw badArgument(argument, `${argument} must be text, not ${kindOf(value)}`);
}

/** Refuses, with INVALID_ARGUMENT, what is no object, or lacks one of these methods. */
export function requireObject(
  value: unknown,
  argument: string,
  methods: readonly string[] = [],
): asserts value is object {
  if (typeof value !== 'object' || value === null) {
    throw badArgument(argument, `${argument} must be an object, not ${kindOf(value)}`);
  }
  const missing = methods.find((method) => typeof (value as Record<string, unknown>)[method] !== 'function');
  if (missing !== undefined) throw badArgument(argument, `${argument} has no method ${missing}`);
}

export function badArgument(argument: string, message: string): Error {
  return engineError('INVALID_ARGUMENT', message, { argument });
}

/** What a value is, for messages: never its content. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`;
}
