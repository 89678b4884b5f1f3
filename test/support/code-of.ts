/** The code of the error that a promise rejects with; `no error` when it resolves. */
export function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'no error',
    (error: { code?: unknown }) => error.code ?? error,
  );
}
