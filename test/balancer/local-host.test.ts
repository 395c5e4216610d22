/** The addresses of a host that give themselves back: in order, however slow `ip` is. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { createHost } from "../../src/balancer/local/index.ts";
import { eventually } from "../controllers/cluster.ts";

/** A fake `ip`: notes what it is told, and is slow to put addresses again. */
const FAKE = `#!/bin/sh
cd "$(dirname "$0")"
case "$*" in
  "-json address show") echo "[]" ;;
  "-json link show"*) echo "[{}]" ;;
  *-batch*) read -r line; echo "begin $line" >> log; case "$line" in *replace*) sleep 0.7 ;; esac; echo "end $line" >> log ;;
  *) echo "$*" >> log ;;
esac
`;

test("an address is taken away after the sign of life that is under way, and none is added from then on", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tandem-host-"));
  const path = process.env["PATH"];
  t.after(() => {
    process.env["PATH"] = path;
    rmSync(folder, { recursive: true, force: true });
  });
  writeFileSync(join(folder, "ip"), FAKE, { mode: 0o755 });
  writeFileSync(join(folder, "log"), "");
  process.env["PATH"] = `${folder}${delimiter}${path}`;
  const log = () => readFileSync(join(folder, "log"), "utf8").trim().split("\n");
  const stop = new AbortController();
  const host = createHost({ folder: join(folder, "own"), link: "eth0", lifetime: 2, signal: stop.signal });
  const held = (address: string) => [{ address, service: "default/web", uid: "1", link: undefined }];
  await host.add(held("192.0.2.1"));
  await eventually(
    async () => log(),
    (lines) => /^begin address replace/.test(lines.at(-1) ?? ""),
  );
  stop.abort();
  await assert.rejects(host.add(held("192.0.2.2")), { name: "AbortError" });
  await host.ended;
  assert.deepEqual(log().slice(-2), [
    "begin address del 192.0.2.1/32 dev eth0",
    "end address del 192.0.2.1/32 dev eth0",
  ]);
  assert.match(log().at(-3) ?? "", /^end address replace 192\.0\.2\.1/);
  assert.deepEqual(await host.list(), [], "nor is any remembered");
});
