/**
 * What Node.js 20 lacks and our dependencies expect. Import this module first, in every entry point: the CLI,
 * worker threads, child processes and vitest's setup. Delete it when `engines` says Node.js 22 or newer.
 */
interface Resolvers<T> {
  promise: Promise<T>;
  resolve: (value: T | PromiseLike<T>) => void;
  reject: (reason?: unknown) => void;
}

const promiseConstructor = Promise as unknown as { withResolvers?: <T>() => Resolvers<T> };

promiseConstructor.withResolvers ??= function withResolvers<T>(): Resolvers<T> {
  let resolve!: Resolvers<T>['resolve'];
  let reject!: Resolvers<T>['reject'];
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
};

const setPrototype = Set.prototype as unknown as { difference?: (other: ReadonlySet<unknown>) => Set<unknown> };

setPrototype.difference ??= function difference(this: Set<unknown>, other: ReadonlySet<unknown>): Set<unknown> {
  return new Set([...this].filter((item) => !other.has(item)));
};
