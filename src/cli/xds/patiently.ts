const RETRY_MS = 500;

/** Tries again until it works or the signal aborts: the API server may not be there yet, or be gone for a moment. */
export async function patiently<T>(
  work: () => Promise<T>,
  onError: (error: unknown) => void,
  signal: AbortSignal,
): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      onError(error);
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
