import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { useServer } from "../harness.ts";
import { bundle, install } from "./install.ts";

const ORACLE = join(import.meta.dirname, "../../oracle");
const held = useServer({}, (client) => install(client, bundle("standard")));

/** Replays the recorded requests over HTTPS; the script ends with 1 when anything differs. */
function replay(url: string, token: string): Promise<{ out: string; error: string }> {
  const args = ["replay", url, token, join(ORACLE, "api-gateway.json"), "--show", "1000"];
  return new Promise((resolve) => {
    const script = join(ORACLE, "api-vectors.mjs");
    execFile(process.execPath, [script, ...args], { maxBuffer: 2 ** 28 }, (_, out, error) =>
      resolve({ out, error }),
    );
  });
}

test("every recorded answer about Gateway API objects is the real one", async () => {
  const { server } = held.client;
  const { out, error } = await replay(server.urls[0]!, server.token);
  const [, exact, total, codes] = /exact (\d+) of (\d+) steps, same status (\d+) of/.exec(out) ?? [];
  assert.ok(Number(total) > 200, out);
  assert.equal(codes, total, error);
  assert.equal(exact, total, error);
});
