import assert from "node:assert/strict";
import { test } from "node:test";
import { type Change, RevisionCompacted, type Store } from "../../src/store/contract.ts";

/** Opens a fresh store that keeps so many changes of history. */
export type OpenStore = (history: number) => Promise<Store<string>>;

/** The tests that every store passes. */
export function testStoreContract(name: string, open: OpenStore): void {
  const check = (what: string, work: (store: Store<string>) => Promise<void>, history = 1000): void => {
    test(`${name}: ${what}`, async () => {
      const store = await open(history);
      try {
        await work(store);
      } finally {
        await store.close();
      }
    });
  };

  check("a transaction's writes carry the next revision", async (store) => {
    assert.equal(store.revision, 0);
    const seen = await store.transact((tx) => {
      tx.put("a", "1");
      tx.put("b", "2");
      return tx.revision;
    });
    assert.equal(seen, 1);
    assert.deepEqual(store.get("b"), { key: "b", value: "2", revision: 1 });
    await store.transact((tx) => tx.delete("a"));
    assert.equal(store.get("a"), undefined);
    assert.equal(store.revision, 2);
  });

  check("a transaction that writes nothing takes no revision", async (store) => {
    await store.transact((tx) => tx.put("a", "1"));
    assert.equal(await store.transact((tx) => tx.get("a")?.value), "1");
    await store.transact((tx) => tx.delete("none"));
    assert.equal(store.revision, 1);
  });

  check("a transaction that throws did not happen", async (store) => {
    await assert.rejects(
      store.transact((tx) => {
        tx.put("a", "1");
        throw new Error("no");
      }),
      /^Error: no$/,
    );
    assert.equal(store.get("a"), undefined);
    assert.equal(await store.transact((tx) => tx.get("a")), undefined);
  });

  check("transactions see those before them, durable or not", async (store) => {
    const add = (): Promise<number> =>
      store.transact((tx) => {
        const next = Number(tx.get("n")?.value ?? 0) + 1;
        tx.put("n", String(next));
        return next;
      });
    const results = await Promise.all(Array.from({ length: 100 }, add));
    assert.deepEqual(
      results,
      Array.from({ length: 100 }, (_, index) => index + 1),
    );
    assert.equal(store.get("n")?.value, "100");
    assert.equal(store.revision, 100);
  });

  check("deleting and putting again in transactions under way keeps their order", async (store) => {
    await store.transact((tx) => tx.put("k", "0"));
    const work = [
      store.transact((tx) => tx.delete("k")),
      store.transact((tx) => tx.put("k", "1")),
      store.transact((tx) => tx.delete("k")),
      store.transact((tx) => assert.equal(tx.get("k"), undefined)),
      store.transact((tx) => tx.put("k", "2")),
    ];
    await Promise.all(work);
    assert.equal(store.get("k")?.value, "2");
  });

  check("a transaction's range has its own writes applied", async (store) => {
    await store.transact((tx) => {
      for (const key of ["p/a", "p/b", "q/c"]) tx.put(key, key);
    });
    await store.transact((tx) => {
      tx.delete("p/a");
      tx.put("p/c", "new");
      assert.deepEqual(
        tx.range("p/").map(({ key }) => key),
        ["p/b", "p/c"],
      );
    });
  });

  check("ranges are ordered, limited, and say how much is left", async (store) => {
    await store.transact((tx) => {
      for (let index = 0; index < 1500; index++) tx.put(`p/${String(index).padStart(5, "0")}`, String(index));
      tx.put("o", "before");
      tx.put("q", "behind");
    });
    const all = store.range("p/");
    assert.equal(all.entries.length, 1500);
    assert.equal(all.remaining, 0);
    const page = store.range("p/", { limit: 600 });
    assert.equal(page.remaining, 900);
    const rest = store.range("p/", { limit: 900, after: page.entries.at(-1)!.key });
    assert.equal(rest.remaining, 0);
    assert.deepEqual([...page.entries, ...rest.entries], all.entries);
  });

  check("a range can show an older state, as long as the history reaches", async (store) => {
    await store.transact((tx) => {
      for (const key of ["p/a", "p/b", "p/c"]) tx.put(key, "old");
    });
    await store.transact((tx) => {
      tx.put("p/b", "new");
      tx.delete("p/c");
      tx.put("p/d", "new");
    });
    const old = store.range("p/", { revision: 1 });
    assert.deepEqual(
      old.entries.map(({ key, value }) => `${key}=${value}`),
      ["p/a=old", "p/b=old", "p/c=old"],
    );
    assert.equal(old.revision, 1);
    assert.equal(store.range("p/", { revision: 1, after: "p/a", limit: 1 }).remaining, 1);
  });

  check(
    "a watcher sees the changes of its prefix once and in order, from any revision kept",
    async (store) => {
      await store.transact((tx) => tx.put("p/a", "1"));
      const late: string[] = [];
      const early: string[] = [];
      const text = (change: Change<string>): string =>
        `${change.revision} ${change.type} ${change.key} ${change.type === "put" ? change.value : ""}<${change.previous ?? ""}`;
      const progress: number[] = [];
      const stop = store.watch("p/", 0, {
        onChanges: (changes) => early.push(...changes.map(text)),
        onProgress: (revision) => progress.push(revision),
      });
      await store.transact((tx) => tx.put("p/a", "2"));
      await store.transact((tx) => tx.put("other", "x"));
      await store.transact((tx) => tx.delete("p/a"));
      store.watch("p/", 1, { onChanges: (changes) => late.push(...changes.map(text)) });
      stop();
      await store.transact((tx) => tx.put("p/z", "9"));
      assert.deepEqual(early, ["1 put p/a 1<", "2 put p/a 2<1", "4 delete p/a <2"]);
      assert.deepEqual(late, ["2 put p/a 2<1", "4 delete p/a <2", "5 put p/z 9<"]);
      assert.equal(progress.at(-1), 4);
    },
  );

  check(
    "behind the history a watch and a range are refused",
    async (store) => {
      for (let index = 0; index < 20; index++) await store.transact((tx) => tx.put("k", String(index)));
      const watcher = { onChanges: () => {} };
      assert.equal(store.oldestRevision, 15);
      assert.throws(() => store.watch("", 14, watcher), RevisionCompacted);
      assert.throws(() => store.range("", { revision: 3 }), RevisionCompacted);
      store.watch("", 15, watcher)();
    },
    5,
  );

  check("a closed store takes nothing, and has done what it took", async (store) => {
    const last = store.transact((tx) => tx.put("a", "1"));
    await store.close();
    await last;
    await assert.rejects(store.transact((tx) => tx.put("b", "1")));
  });
}
