import assert from "node:assert/strict";
import { test } from "node:test";
import { type AddressPool, type AddressRequest, inOrder } from "../../src/balancer/local/addresses.ts";
import { AddressBook } from "../../src/balancer/local/pools.ts";
import { type AddressRange, parseRange, whyNoRange } from "../../src/balancer/local/ranges.ts";

const range = (text: string) => parseRange(text) as AddressRange;

function pool(
  name: string,
  ranges: { IPv4?: string; IPv6?: string },
  more: Partial<AddressPool> = {},
): AddressPool {
  const { IPv4, IPv6 } = ranges;
  return {
    name,
    ranges: { ...(IPv4 && { IPv4: [range(IPv4)] }), ...(IPv6 && { IPv6: [range(IPv6)] }) },
    autoAssign: true,
    avoidBuggyIPs: false,
    accepts: () => true,
    ...more,
  };
}

function request(key: string, more: Partial<AddressRequest> = {}): AddressRequest {
  return { key, families: ["IPv4", "IPv6"], all: false, addresses: {}, held: [], ...more };
}

function bookOf(...pools: AddressPool[]): AddressBook {
  const book = new AddressBook();
  book.setPools(pools);
  return book;
}

const BOTH = pool("both", { IPv4: "10.0.0.0/29", IPv6: "fd00::/125" });

test("both families come from one pool where one has both, at one index", () => {
  const book = bookOf(pool("a-v4", { IPv4: "10.1.0.0/24" }), BOTH);
  const { addresses, pools, problems } = book.assign(request("default/web"));
  assert.deepEqual(addresses, { IPv4: "10.0.0.1", IPv6: "fd00::1" });
  assert.deepEqual(pools, { IPv4: "both", IPv6: "both" });
  assert.deepEqual(problems, []);
});

test("two pools of one family each are combined", () => {
  const book = bookOf(pool("v4", { IPv4: "10.0.0.10-10.0.0.12" }), pool("v6", { IPv6: "fd00::10-fd00::12" }));
  const { addresses, pools } = book.assign(request("default/web"));
  assert.deepEqual(addresses, { IPv4: "10.0.0.10", IPv6: "fd00::10" });
  assert.deepEqual(pools, { IPv4: "v4", IPv6: "v6" });
});

test("what is there is kept, and the other family added when a pool for it comes", () => {
  const v4 = pool("v4", { IPv4: "10.0.0.10-10.0.0.12" });
  const book = bookOf(v4);
  const before = book.assign(request("default/web"));
  assert.deepEqual(before.addresses, { IPv4: "10.0.0.10" });
  assert.deepEqual(
    before.problems.map(({ family, reason }) => [family, reason]),
    [["IPv6", "NoPoolForFamily"]],
  );
  book.setPools([v4, pool("v6", { IPv6: "fd00::10-fd00::12" })]);
  const after = book.assign(request("default/web", { held: inOrder(before.addresses) }));
  assert.deepEqual(after.addresses, { IPv4: "10.0.0.10", IPv6: "fd00::10" });
  assert.deepEqual(after.problems, []);
});

test("who wants all families gets none before all are there, and is told what is waited for", () => {
  const book = bookOf(pool("v4", { IPv4: "10.0.0.10-10.0.0.12" }));
  const { addresses, problems } = book.assign(request("default/web", { all: true }));
  assert.deepEqual(addresses, {});
  assert.deepEqual(
    problems.map(({ family, message }) => [family, message]),
    [
      ["IPv6", "no LoadBalancerPool for this Service has IPv6 addresses"],
      ["IPv4", "IPv4 waits for IPv6: the Service wants all of its families or none"],
    ],
  );
  assert.equal(book.counts().get("v4")?.IPv4?.used, 0);
});

test("statuses are the memory: what a Service holds it gets again, in a new book, too", () => {
  const held = ["10.0.0.5", "fd00::3"];
  const { addresses } = bookOf(BOTH).assign(request("default/web", { held }));
  assert.deepEqual(inOrder(addresses), held);
});

test("a pool that is full is named, for each family by itself", () => {
  const book = bookOf(pool("small", { IPv4: "10.0.0.1-10.0.0.1", IPv6: "fd00::1-fd00::2" }));
  book.assign(request("default/a"));
  const { addresses, problems } = book.assign(request("default/b"));
  assert.deepEqual(addresses, { IPv6: "fd00::2" });
  assert.deepEqual(problems, [
    {
      family: "IPv4",
      reason: "AddressRangeExhausted",
      message: "no IPv4 address is left in LoadBalancerPool small",
    },
  ]);
  assert.deepEqual(book.counts().get("small"), {
    IPv4: { used: 1, free: 0n },
    IPv6: { used: 2, free: 0n },
  });
  assert.deepEqual(book.release("default/a"), ["10.0.0.1", "fd00::1"]);
  assert.deepEqual(book.assign(request("default/b", { held: ["fd00::2"] })).addresses, {
    IPv4: "10.0.0.1",
    IPv6: "fd00::2",
  });
});

test("an address that is asked for: given, also out of a pool that gives none by itself; or refused with the reason", () => {
  const book = bookOf(BOTH, pool("special", { IPv4: "10.9.0.0/24" }, { autoAssign: false }));
  const a = book.assign(request("default/a", { addresses: { IPv4: "10.9.0.7" } }));
  assert.deepEqual(a.addresses, { IPv4: "10.9.0.7", IPv6: "fd00::1" });
  const b = book.assign(request("default/b", { addresses: { IPv4: "10.9.0.7", IPv6: "fd99::1" } }));
  assert.deepEqual(b.addresses, {});
  assert.deepEqual(
    b.problems.map(({ message }) => message),
    [
      "10.9.0.7 cannot be given: Service default/a has it",
      "fd99::1 cannot be given: no pool for this Service has it",
    ],
  );
});

test("Services of one sharing key share an address as long as their ports differ", () => {
  const book = bookOf(BOTH);
  const sharing = (...ports: string[]) => ({ sharing: { key: "one", ports } });
  const a = book.assign(request("default/a", sharing("TCP/80")));
  const b = book.assign(request("default/b", sharing("TCP/443")));
  const c = book.assign(request("default/c", sharing("TCP/80")));
  assert.deepEqual(b.addresses, a.addresses);
  assert.notDeepEqual(c.addresses, a.addresses);
  book.release("default/a");
  assert.deepEqual(book.ownersOf(a.addresses.IPv4 ?? ""), ["default/b"]);
});

test("pools are for whom they say, and addresses that old equipment mistakes are left out", () => {
  const book = bookOf(
    pool(
      "a",
      { IPv4: "10.0.0.254-10.0.1.1" },
      { avoidBuggyIPs: true, accepts: (key) => key.startsWith("shop/") },
    ),
  );
  const { problems } = book.assign(request("default/web", { families: ["IPv4"] }));
  assert.deepEqual(
    problems.map(({ reason }) => reason),
    ["NoPoolForFamily"],
  );
  const given = ["shop/a", "shop/b"].map(
    (key) => book.assign(request(key, { families: ["IPv4"] })).addresses.IPv4,
  );
  assert.deepEqual(given, ["10.0.0.254", "10.0.1.1"]);
});

test("ranges: CIDRs and FIRST-LAST; nonsense is none", () => {
  assert.equal(range("fd00::/112").last - range("fd00::/112").first, 0xffffn);
  for (const text of ["10.0.0.9-10.0.0.1", "10.0.0.1-fd00::1", "10.0.0.1", "10.0.0.1-10.0.0.2-10.0.0.3", "x"])
    assert.equal(parseRange(text), undefined, text);
});

test("addresses of nodes are nobody's, whatever pool has them", () => {
  const book = bookOf(pool("wide", { IPv4: "10.0.0.1-10.0.0.3" }));
  const nodes = new Set(["10.0.0.1", "10.0.0.2"]);
  const families = ["IPv4"] as const;
  const asked = book.assign(request("default/a", { families, nodes, addresses: { IPv4: "10.0.0.1" } }));
  assert.deepEqual(
    asked.problems.map(({ message }) => message),
    ["10.0.0.1 cannot be given: a node has it"],
  );
  const given = book.assign(request("default/b", { families, nodes, held: ["10.0.0.2"] }));
  assert.deepEqual(given.addresses, { IPv4: "10.0.0.3" });
});

test("ranges that no host has addresses of, or that end before they begin", () => {
  const why = "addresses of";
  for (const [text, family, problem] of [
    ["0.0.0.0/0", "IPv4", `${why} 0.0.0.0/8 are no host's`],
    ["127.0.0.1-127.0.0.9", "IPv4", `${why} 127.0.0.0/8 are no host's`],
    ["223.0.0.0-224.0.0.0", "IPv4", `${why} 224.0.0.0/3 are no host's`],
    ["::/64", "IPv6", `${why} ::/127 are no host's`],
    ["fe80::1-fe80::2", "IPv6", `${why} fe80::/10 are no host's`],
    ["10.0.0.2-10.0.0.1", "IPv4", "the last address must not be before the first"],
    ["10.0.0.0/24", "IPv4", undefined],
    ["223.255.255.0-223.255.255.255", "IPv4", undefined],
    ["fd00::/64", "IPv6", undefined],
  ] as const)
    assert.equal(whyNoRange(text, family), problem, text);
});
