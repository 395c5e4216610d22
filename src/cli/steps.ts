/** Progress as kind shows it: one line a step, ticked off when done; a spinner only where a terminal watches. */
export interface Steps {
  /** Runs one step and ticks it off; a failure marks it and goes on to the caller. */
  run<T>(title: string, work: (update: (detail: string) => void) => Promise<T>): Promise<T>;
}

const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const SPINNER_INTERVAL_MS = 80;

/** Steps on standard error, so that standard output holds data only. Quiet: nothing at all. */
export function createSteps(stream: NodeJS.WriteStream = process.stderr, quiet = false): Steps {
  if (quiet) return { run: (_title, work) => work(() => {}) };
  const symbols = supportsUnicode() ? { ok: "✓", failed: "✗" } : { ok: "ok", failed: "FAILED" };
  return {
    async run(title, work) {
      const line = stream.isTTY ? spin(stream, title) : { update: () => {}, end: () => {} };
      const start = performance.now();
      const finish = (symbol: string) => {
        line.end();
        stream.write(` ${symbol} ${title} (${((performance.now() - start) / 1000).toFixed(1)} s)\n`);
      };
      try {
        const result = await work(line.update);
        finish(symbols.ok);
        return result;
      } catch (error) {
        finish(symbols.failed);
        throw error;
      }
    },
  };
}

function spin(stream: NodeJS.WriteStream, title: string): { update(detail: string): void; end(): void } {
  let frame = 0;
  let detail = "";
  const draw = () => stream.write(`\r\x1b[K ${SPINNER[frame++ % SPINNER.length]} ${title}${detail}`);
  const timer = setInterval(draw, SPINNER_INTERVAL_MS);
  draw();
  return {
    update: (text) => {
      detail = `: ${text}`.slice(0, Math.max(0, (stream.columns ?? 80) - title.length - 4));
    },
    end: () => {
      clearInterval(timer);
      stream.write("\r\x1b[K");
    },
  };
}

/** Whether the locale can show symbols beyond ASCII. */
export function supportsUnicode(environment: NodeJS.ProcessEnv = process.env): boolean {
  const locale = environment["LC_ALL"] || environment["LC_CTYPE"] || environment["LANG"] || "";
  return locale === "" || /utf-?8/i.test(locale);
}
