import assert from "node:assert/strict";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openLmdbStore } from "../../src/store/lmdb.ts";
import { testStoreContract } from "./contract.case.ts";

const folders: string[] = [];

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "tandem-store-"));
  folders.push(path);
  return path;
}

after(() => {
  for (const path of folders) rmSync(path, { recursive: true, force: true });
});

testStoreContract("lmdb", (history) => openLmdbStore(folder(), { history }));

test("lmdb: values are compressed against a dictionary, which the store stays with", async () => {
  const path = folder();
  const text = (index: number): string =>
    JSON.stringify({
      metadata: { name: `n-${index}`, labels: { "example.com/a-long-label": "value" } },
      spec: { description: "the same words in every one of these values ".repeat(20) },
    });
  const dictionary = Buffer.from(text(0));
  const first = await openLmdbStore(path, { dictionary });
  await first.transact((tx) => {
    for (let index = 0; index < 500; index++) tx.put(`k${index}`, text(index));
  });
  await first.close();
  assert.ok(statSync(join(path, "data.mdb")).size < 500 * text(0).length);
  const second = await openLmdbStore(path, { dictionary });
  assert.equal(second.get("k7")?.value, text(7));
  await second.close();
  await assert.rejects(
    openLmdbStore(path),
    /compressed with a dictionary that this version of tandem does not know/,
  );
});

test("lmdb: values of any length are there after opening again, compressed or not", async () => {
  const texts = [
    "",
    "short",
    "ü".repeat(300),
    ...[3_000, 70_000, 3_000_000].map((length) => "a text ".repeat(length / 7)),
  ];
  for (const options of [{}, { dictionary: Buffer.from("a text of some words ".repeat(20)) }]) {
    const path = folder();
    const first = await openLmdbStore(path, options);
    await first.transact((tx) => {
      for (const [index, text] of texts.entries()) tx.put(`k${index}`, text);
    });
    await first.close();
    const second = await openLmdbStore(path, options);
    for (const [index, text] of texts.entries())
      assert.ok(second.get(`k${index}`)?.value === text, `${index}`);
    await second.close();
  }
});

test("lmdb: what was acknowledged is there after opening again, and revisions go on", async () => {
  const path = folder();
  const first = await openLmdbStore(path);
  await first.transact((tx) => tx.put("p/ü", '{"name":"ü"}'));
  await first.transact((tx) => tx.put("p/x", "gone"));
  await first.transact((tx) => tx.delete("p/x"));
  await first.close();
  const second = await openLmdbStore(path);
  assert.deepEqual(second.range("").entries, [{ key: "p/ü", value: '{"name":"ü"}', revision: 1 }]);
  assert.equal(second.revision, 3);
  await second.transact((tx) => tx.put("a", "1"));
  assert.equal(second.revision, 4);
  await second.close();
});

test("lmdb: a directory in use is refused", async () => {
  const path = folder();
  const store = await openLmdbStore(path);
  await assert.rejects(openLmdbStore(path), /another process uses it/);
  await store.transact((tx) => tx.put("still", "works"));
  await store.close();
  await (await openLmdbStore(path)).close();
});

function snapshot(path: string): Record<string, string> {
  const names = readdirSync(path).filter((name) => name !== "in-use.sock");
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(path, name)).toString("base64")]));
}

async function filled(): Promise<string> {
  const path = folder();
  const store = await openLmdbStore(path);
  for (let index = 0; index < 50; index++)
    await store.transact((tx) => tx.put(`k${index}`, `value ${index}`.repeat(30)));
  await store.close();
  return path;
}

async function assertRefused(path: string, why: RegExp): Promise<void> {
  const before = snapshot(path);
  await assert.rejects(openLmdbStore(path), why);
  assert.deepEqual(snapshot(path), before);
}

test("lmdb: a newer format is refused and nothing touched", async () => {
  const path = await filled();
  writeFileSync(join(path, "format.json"), '{"format":2,"engine":"lmdb"}\n');
  await assertRefused(path, /format 2, which this version of tandem does not know/);
});

test("lmdb: a file cut off, overwritten or missing is refused and nothing touched", async () => {
  const cut = await filled();
  truncateSync(join(cut, "data.mdb"), 3 * 4096);
  await assertRefused(cut, /damaged: data.mdb is cut off/);
  const foreign = await filled();
  writeFileSync(join(foreign, "data.mdb"), "not a database".repeat(1000));
  await assertRefused(foreign, /damaged: data.mdb has no valid header/);
  const half = await filled();
  const file = readFileSync(join(half, "data.mdb"));
  writeFileSync(join(half, "data.mdb"), file.fill(0, 4096, 2 * 4096));
  await assertRefused(half, /damaged: data.mdb has no valid header/);
  const gone = await filled();
  rmSync(join(gone, "data.mdb"));
  await assertRefused(gone, /damaged: data.mdb is missing/);
});

test("lmdb: a flipped bit in a value is noticed", async () => {
  const path = await filled();
  const file = join(path, "data.mdb");
  const bytes = readFileSync(file);
  for (let at = bytes.indexOf("value 7"); at >= 0; at = bytes.indexOf("value 7", at + 1))
    bytes[at + 6] = 0x38;
  writeFileSync(file, bytes);
  await assert.rejects(openLmdbStore(path), /damaged: the checksum of "k7" is wrong/);
});

test("lmdb: no page can be damaged unnoticed, unless it is a free one", async () => {
  const path = await filled();
  const file = join(path, "data.mdb");
  const whole = readFileSync(file);
  const before = (await contents(path)).length;
  for (let page = 2; page < whole.length / 4096; page++) {
    const bytes = Buffer.from(whole);
    bytes.fill(0xa5, page * 4096, page * 4096 + 48);
    writeFileSync(file, bytes);
    const seen = await contents(path).catch((error: Error) => error);
    if (seen instanceof Error) assert.match(seen.message, /it is damaged/);
    else assert.equal(seen.length, before);
  }
});

async function contents(path: string): Promise<readonly unknown[]> {
  const store = await openLmdbStore(path);
  const { entries } = store.range("");
  await store.close();
  return entries;
}
