/** What a task has open: closed in reverse order when the scope ends, however it ends. Node 20 has no DisposableStack. */
export class Scope {
  readonly #closers: (() => void)[] = [];

  adopt<Value>(value: Value, close: (value: Value) => void): Value {
    this.#closers.push(() => close(value));
    return value;
  }

  [Symbol.dispose](): void {
    const failures: unknown[] = [];
    for (const close of this.#closers.reverse()) {
      try {
        close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
