/** Answers asked once: callers share the work under way, and a failure is forgotten. */
export function remember<T>(work: (signal?: AbortSignal) => Promise<T>): (signal?: AbortSignal) => Promise<T> {
  let known: Promise<T> | null = null
  return (signal) => {
    known ??= work(signal).catch((thrown: unknown) => {
      known = null
      throw thrown
    })
    return known
  }
}
