/**
 * What a handler's way ends with: at once a value or an error, later a promise. The promise is made only for who asks for
 * it: `node:http` does not, and where `AsyncLocalStorage` is in use each promise costs as much as half a claim.
 */

/** Stands for a promise of the end. */
export class Late {
  #end: { readonly value: unknown } | { readonly error: unknown } | undefined;
  /** Whether it is in the caller's hands. */
  #left = false;
  #promise: Promise<unknown> | undefined;
  #resolve: ((value: unknown) => void) | undefined;

  /** The value, or this in its place; throws the error. */
  outcome(): unknown {
    const end = this.#end;
    this.#left = true;
    if (end === undefined) return this;
    if ('error' in end) throw end.error;
    return end.value;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- it stands for a promise
  then(...use: Parameters<Promise<unknown>['then']>): Promise<unknown> {
    this.#promise ??= new Promise((resolve) => {
      this.#resolve = resolve;
      if (this.#end !== undefined) resolve(this.outcome());
    });
    return this.#promise.then(...use);
  }

  /** It ends with what this is, or promises. */
  protected end(value: unknown): void {
    this.#end = { value };
    this.#resolve?.(value);
  }

  /** It ends with an error, which is nobody's where nobody has asked: then the process hears of it as of any rejection. */
  protected miss(error: unknown): void {
    if (this.#left) this.end(Promise.reject(error));
    else this.#end = { error };
  }
}
