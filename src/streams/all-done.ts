/** As `Promise.all`, but a failure is told when the others have ended too: until then they may use what it makes go away. */
export async function allDone<Value>(work: readonly Promise<Value>[]): Promise<Value[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
