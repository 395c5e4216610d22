/** Does nothing until it is asked to end. */
export function pause(): void {
  const forever = setInterval(() => {}, 2 ** 30);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      clearInterval(forever);
      process.exit(0);
    });
  }
}
