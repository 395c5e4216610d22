import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "./registry.ts";

// Every way to ask for families on every order of the cluster's, as the tables of Kubernetes have them
// (TestCreateInitIPFields, TestUpdateIPsFromSingleStack, TestUpdateIPsFromDualStack in
// pkg/registry/core/service/storage/storage_test.go). What is expected is said here once more, by the result only.

type Families = readonly ("IPv4" | "IPv6")[];

const V4 = "10.96.0.0/16";
const V6 = "fd00:10:96::/112";
const RANGES = { IPv4: V4, IPv6: V6 } as const;
const CLUSTERS: readonly Families[] = [["IPv4"], ["IPv6"], ["IPv4", "IPv6"], ["IPv6", "IPv4"]];
const CHOICES: readonly (Families | undefined)[] = [undefined, ...CLUSTERS];
const POLICIES = [undefined, "SingleStack", "PreferDualStack", "RequireDualStack"] as const;
const ADDRESS = { IPv4: "10.96.0.50", IPv6: "fd00:10:96::50" } as const;

interface Request {
  readonly policy: (typeof POLICIES)[number];
  readonly families: Families | undefined;
  /** The families of the addresses that are asked for, in their order. */
  readonly addresses: Families | undefined;
  readonly headless: boolean;
  readonly selecting: boolean;
}

function* requests(): Generator<Request> {
  for (const policy of POLICIES) {
    for (const families of CHOICES) {
      for (const addresses of CHOICES) {
        for (const selecting of [true, false])
          yield { policy, families, addresses, selecting, headless: false };
      }
      for (const selecting of [true, false])
        yield { policy, families, addresses: undefined, selecting, headless: true };
    }
  }
}

function specOf({ policy, families, addresses, headless, selecting }: Request): Record<string, unknown> {
  const ips = headless ? ["None"] : addresses?.map((family) => ADDRESS[family]);
  return {
    ports: [{ port: 80 }],
    ...(selecting ? { selector: { app: "x" } } : {}),
    ...(policy === undefined ? {} : { ipFamilyPolicy: policy }),
    ...(families === undefined ? {} : { ipFamilies: families }),
    ...(ips === undefined ? {} : { clusterIP: ips[0], clusterIPs: ips }),
  };
}

/** The families that a new Service gets, undefined where it is refused. */
function expected(cluster: Families, request: Request): Families | undefined {
  const { families = [], addresses = [], headless, selecting } = request;
  const free = headless && !selecting;
  const policy = request.policy ?? (free ? "RequireDualStack" : "SingleStack");
  const said = families.length > addresses.length ? families : addresses;
  const contradicts = families.some((family, index) => (addresses[index] ?? family) !== family);
  const foreign = said.some((family) => !cluster.includes(family));
  const dual = cluster.length === 2;
  if (contradicts || (policy === "SingleStack" && said.length === 2)) return undefined;
  if (!free && (foreign || (policy === "RequireDualStack" && !dual))) return undefined;
  const first = said[0] ?? cluster[0]!;
  const both = policy !== "SingleStack" && (dual || free);
  const other = first === "IPv4" ? "IPv6" : "IPv4";
  return both || said.length === 2 ? [first, other] : [first];
}

function registryOf(cluster: Families): Registry {
  return new Registry(...cluster.map((family) => RANGES[family]));
}

function familyOf(address: string): string {
  return address.includes(":") ? "IPv6" : "IPv4";
}

for (const cluster of CLUSTERS) {
  test(`a new Service in a cluster of ${cluster.join(", ")} has the families that it asks for, or is refused`, () => {
    for (const request of requests()) {
      const registry = registryOf(cluster);
      const { status, body } = registry.create("web", specOf(request));
      const want = expected(cluster, request);
      const about = JSON.stringify(request);
      if (want === undefined) {
        assert.equal(status, 422, about);
        assert.equal(registry.ledger.addresses.size, 0, about);
        continue;
      }
      assert.equal(status, 201, about);
      assert.deepEqual(body.spec.ipFamilies, want, about);
      const fallback = request.headless && !request.selecting ? "RequireDualStack" : "SingleStack";
      assert.equal(body.spec.ipFamilyPolicy, request.policy ?? fallback, about);
      if (request.headless) assert.deepEqual(body.spec.clusterIPs, ["None"], about);
      else assert.deepEqual(body.spec.clusterIPs.map(familyOf), want, about);
      assert.equal(registry.ledger.addresses.size, request.headless ? 0 : want.length, about);
    }
  });
}

/** An edit of a stored Service: what it asks for, each list as it was, only its first item, both, or left out. */
interface Edit {
  readonly policy: (typeof POLICIES)[number];
  readonly families: "same" | "first" | "both" | "reversed" | "none";
  readonly addresses: "same" | "first" | "both" | "none";
}

function* edits(): Generator<Edit> {
  for (const policy of POLICIES) {
    for (const families of ["same", "first", "both", "reversed", "none"] as const) {
      for (const addresses of ["same", "first", "both", "none"] as const)
        yield { policy, families, addresses };
    }
  }
}

function other(family: "IPv4" | "IPv6"): "IPv4" | "IPv6" {
  return family === "IPv4" ? "IPv6" : "IPv4";
}

for (const first of ["IPv4", "IPv6"] as const) {
  for (const stored of ["SingleStack", "RequireDualStack"] as const) {
    test(`a ${stored} Service of ${first} gains and loses the other family as its new policy says`, () => {
      for (const edit of edits()) {
        const registry = registryOf(["IPv4", "IPv6"]);
        const made = registry.create("web", {
          ports: [{ port: 80 }],
          selector: { app: "x" },
          ipFamilies: [first],
          ipFamilyPolicy: stored,
        }).body;
        const before = registry.ledger.addresses.size;
        const { clusterIPs } = made.spec as { clusterIPs: string[] };
        const spare = ADDRESS[other(first)];
        const second = clusterIPs[1] ?? spare;
        const families = { same: made.spec.ipFamilies, first: [first], both: [first, other(first)] };
        const lists = { ...families, reversed: [other(first), first], none: null };
        const ips = {
          same: clusterIPs,
          first: clusterIPs.slice(0, 1),
          both: [clusterIPs[0], second],
          none: null,
        };
        const spec = {
          ...made.spec,
          ipFamilyPolicy: edit.policy ?? null,
          ipFamilies: lists[edit.families],
          clusterIPs: ips[edit.addresses],
        };
        const { status, body } = registry.update("web", { ...made, spec });
        const want = afterEdit(stored, edit);
        const about = JSON.stringify({ ...edit, body });
        assert.equal(status, want === undefined ? 422 : 200, about);
        assert.equal(registry.ledger.addresses.size, want ?? before, about);
        if (want === undefined) continue;
        assert.deepEqual(body.spec.ipFamilies, [first, other(first)].slice(0, want), about);
        assert.deepEqual(body.spec.clusterIPs.map(familyOf), body.spec.ipFamilies, about);
        assert.equal(body.spec.clusterIPs[0], clusterIPs[0], "the first address stays");
        if (stored === "RequireDualStack" && want === 2) assert.equal(body.spec.clusterIPs[1], second);
        if (stored === "SingleStack" && edit.addresses === "both")
          assert.equal(body.spec.clusterIPs[1], spare);
      }
    });
  }
}

/** How many families an edited Service has; undefined where the edit is refused. */
function afterEdit(stored: "SingleStack" | "RequireDualStack", edit: Edit): number | undefined {
  if (edit.families === "reversed") return undefined;
  const policy = edit.policy ?? stored;
  const count = stored === "SingleStack" ? 1 : 2;
  const given = (list: Edit["families"] | Edit["addresses"]): number =>
    ({ same: count, first: 1, both: 2, none: 0, reversed: 2 })[list];
  const families = given(edit.families);
  // Addresses that are left out are those that the Service has.
  const addresses = given(edit.addresses) || count;
  if (stored === "SingleStack") {
    if (policy !== "SingleStack") return 2;
    return families === 2 || addresses === 2 ? undefined : 1;
  }
  if (policy === "SingleStack") return 1;
  return families === 1 || addresses === 1 ? undefined : 2;
}
