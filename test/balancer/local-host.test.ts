/** The addresses of a host that give themselves back: in order, however slow `ip` is. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type TestContext, test } from "node:test";
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

/** A fake `ip` that is slow, notes how it was called, and cannot do what is about 192.0.2.66. */
const REFUSING = `#!/bin/sh
cd "$(dirname "$0")"
case "$*" in
  "-json address show") echo "[]" ;;
  "-json link show"*) echo "[{}]" ;;
  *-batch*)
    sleep 0.2
    number=0
    status=0
    while read -r line; do
      number=$((number + 1))
      echo "$line" >> log
      case "$line" in *192.0.2.66*) echo "Error: no such thing." >&2; echo "Command failed -:$number" >&2; status=2 ;; esac
    done
    echo "called" >> log
    exit $status ;;
esac
`;

/** A folder whose `ip` is found before the machine's until the test ends, and its empty log. */
function withIp(t: TestContext, script: string): string {
  const folder = mkdtempSync(join(tmpdir(), "tandem-host-"));
  const path = process.env["PATH"];
  t.after(() => {
    process.env["PATH"] = path;
    rmSync(folder, { recursive: true, force: true });
  });
  writeFileSync(join(folder, "ip"), script, { mode: 0o755 });
  writeFileSync(join(folder, "log"), "");
  process.env["PATH"] = `${folder}${delimiter}${path}`;
  return folder;
}

test("addresses that come together are put by one process; one that cannot be is told alone", async (t) => {
  const folder = withIp(t, REFUSING);
  const host = createHost({ folder: join(folder, "own"), link: "eth0" });
  const add = (address: string) => host.add([{ address, service: "default/web", uid: "1", link: undefined }]);
  const first = add("192.0.2.1");
  const asked = ["192.0.2.2", "192.0.2.66", "2001:db8::3"].map(add);
  const [second, refused, third] = await Promise.allSettled(asked);
  await first;
  assert.equal(second?.status, "fulfilled");
  assert.equal(third?.status, "fulfilled");
  assert.match(
    String(refused?.status === "rejected" && refused.reason),
    /ip address replace 192\.0\.2\.66\/32 dev eth0: Error: no such thing\.$/,
  );
  const calls = readFileSync(join(folder, "log"), "utf8").split("called\n");
  assert.deepEqual(
    calls.map((call) => call.trim().split("\n").length),
    [1, 3, 1],
    "the last one is empty",
  );
});

test("an address is taken away after the sign of life that is under way, and none is added from then on", async (t) => {
  const folder = withIp(t, FAKE);
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
