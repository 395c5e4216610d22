/**
 * Sends requests at a steady rate, each to the next target, until its standard input ends; then prints what it counted
 * as one line of JSON (see {@link LoadReport}). Runs outside of the cluster.
 *
 * Usage: http-load.ts RATE[/MOST] TARGET…   a target is `host-header|http://[address]:port/path`
 *
 * What is due while MOST requests are under way is left out, so that a busy machine gets less to do, not a growing queue.
 */
import { Agent, request } from "node:http";

/** What a run of the load generator counted; times are in milliseconds. */
export interface LoadReport {
  readonly sent: number;
  /** Not sent, as too many were under way. */
  readonly leftOut: number;
  readonly ok: number;
  /** By what went wrong: a status code with what the answer says, or an error's code. */
  readonly failed: Readonly<Record<string, number>>;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** The longest time without a good answer. */
  readonly gap: number;
}

const TIMEOUT_MS = 10_000;

function main([rateText = "", ...targets]: string[]): void {
  const [rate = 0, most = Number.POSITIVE_INFINITY] = rateText.split("/").map(Number);
  const places = targets.map((target) => {
    const [host = "", url = ""] = target.split("|");
    return { host, url: new URL(url) };
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const failed: Record<string, number> = {};
  const times: number[] = [];
  const began = performance.now();
  let sent = 0;
  let leftOut = 0;
  let ok = 0;
  let lastOk = began;
  let gap = 0;
  let under = 0;
  let ended = false;
  const finish = (): void => {
    if (!ended || under > 0) return;
    const sorted = times.sort((a, b) => a - b);
    const at = (q: number) =>
      Number((sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0).toFixed(1));
    console.log(
      JSON.stringify({
        sent,
        leftOut,
        ok,
        failed,
        p50: at(0.5),
        p99: at(0.99),
        max: at(1),
        gap: Math.round(gap),
      } satisfies LoadReport),
    );
    process.exit(0);
  };
  const count = (result: string, start: number): void => {
    under--;
    times.push(performance.now() - start);
    if (result === "200") {
      ok++;
      gap = Math.max(gap, performance.now() - lastOk);
      lastOk = performance.now();
    } else failed[result] = (failed[result] ?? 0) + 1;
    finish();
  };
  const send = (): void => {
    const place = places[sent++ % places.length];
    if (place === undefined) throw new Error("no targets");
    under++;
    const start = performance.now();
    let done = false;
    const once = (result: string): void => {
      if (!done) count(result, start);
      done = true;
    };
    const { hostname, port, pathname } = place.url;
    const options = {
      host: hostname.replace(/^\[|\]$/g, ""),
      port,
      path: pathname,
      agent,
      timeout: TIMEOUT_MS,
    };
    const call = request({ ...options, headers: { host: place.host } }, (response) => {
      let said = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        said += chunk;
      });
      response.once("end", () =>
        once(response.statusCode === 200 ? "200" : `${response.statusCode} ${said.slice(0, 200)}`.trim()),
      );
      response.once("error", (error) => once((error as NodeJS.ErrnoException).code ?? "error"));
    });
    call.once("timeout", () => call.destroy(Object.assign(new Error("timeout"), { code: "timeout" })));
    call.once("error", (error) => once((error as NodeJS.ErrnoException).code ?? "error"));
    call.end();
  };
  const timer = setInterval(() => {
    const due = ((performance.now() - began) / 1000) * rate;
    while (sent + leftOut < due) {
      if (under < most) send();
      else leftOut++;
    }
  }, 2);
  process.stdin.resume().once("end", () => {
    clearInterval(timer);
    ended = true;
    finish();
  });
  console.log("started");
}

main(process.argv.slice(2));
