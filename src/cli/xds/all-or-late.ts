/** Resolves when all of them have, or after so many milliseconds without those that take longer. */
export async function allOrLate(all: readonly Promise<unknown>[], milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds).unref();
  });
  await Promise.race([Promise.all(all), late]);
  clearTimeout(timer);
}
