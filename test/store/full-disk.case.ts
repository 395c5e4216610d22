/** Fills the disk that the directory is on, and sees that the store refuses, keeps what it has and recovers. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openLmdbStore, WriteFailed } from "../../src/store/lmdb.ts";

const directory = process.argv[2]!;
const ballast = join(directory, "ballast");
writeFileSync(ballast, Buffer.alloc(500_000));
const store = await openLmdbStore(join(directory, "store"));

let written = 0;
let failure: unknown;
while (failure === undefined && written < 5000) {
  const key = `k${written}`;
  try {
    await store.transact((tx) => tx.put(key, Math.random().toString(36).repeat(150)));
    written++;
  } catch (error) {
    failure = error;
  }
}
assert.ok(failure instanceof WriteFailed && /No space left on device/.test(failure.message), String(failure));
await assert.rejects(
  store.transact((tx) => tx.put("big", "x".repeat(9000))),
  WriteFailed,
);
assert.equal(store.revision, written);
assert.equal(store.get(`k${written}`), undefined);

rmSync(ballast);
await store.transact((tx) => {
  assert.equal(tx.revision, written + 1);
  tx.put("after", "room again");
});
await store.close();
const again = await openLmdbStore(join(directory, "store"));
assert.equal(again.range("k").entries.length, written);
assert.equal(again.get("after")?.value, "room again");
await again.close();
console.log("recovered");
