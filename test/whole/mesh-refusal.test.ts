/** What a sidecar's Envoy refuses is said in the status of the route that it comes from, and harms nothing else. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { KubeClient } from "../../src/client/index.ts";
import { GATEWAY_KINDS, type HTTPRoute } from "../../src/objects/gateway/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { KubeObject, Service } from "../../src/objects/types.ts";
import { eventually } from "../controllers/cluster.ts";
import { ENVOY } from "../envoy/ads-envoy.ts";
import { DEMO, deployment, echo, service, strictEnvoy } from "./mesh-demo.ts";
import { downAfterTest, type Home, manifestIn, upForTest } from "./tandem.ts";

const SHELL = { image: "curlimages/curl", command: ["sleep", "infinity"] };
const CURL = ["curl", "-gsS", "--max-time", "20"];
/** Legal for Gateway API and for Envoy as it is; 57 instructions for RE2. */
const LONG = "/([a-z]{3}[0-9]{4}){5}/abcdef";

const OBJECTS = {
  apiVersion: "v1",
  kind: "List",
  items: [
    DEMO,
    ...["web", "shop", "books"].flatMap((name) => [
      service(name, { name: "http", port: 80, targetPort: 8080 }),
      echo(name),
    ]),
    deployment("client", SHELL),
  ],
};

describe("an Envoy that refuses what a route says", { skip: ENVOY === undefined }, () => {
  let home: Home;
  let client: KubeClient;

  before(async () => {
    ({ home, client } = await upForTest((at) => ["--envoy", strictEnvoy(at), "-f", manifestIn(at, OBJECTS)]));
  });

  after(() => downAfterTest({ home, client }));

  const inClient = (from: string, ...command: string[]) =>
    home.run(["lab", "exec", "-n", "demo", `deploy/${from}`, "--", ...command]).stdout;
  /** What a Service says to a path at each of its addresses. */
  const answers = async (name: string, path: string, from = "client"): Promise<string[]> => {
    const { spec } = await client.get<Service>(KINDS.Service, name, "demo");
    return (spec.clusterIPs ?? []).map((address) => {
      const host = address.includes(":") ? `[${address}]` : address;
      return inClient(from, ...CURL, "-H", `Host: ${name}.demo`, `http://${host}${path}`).trim();
    });
  };
  const route = (name: string, matches: object[], backend: string): HTTPRoute =>
    ({
      metadata: { name, namespace: "demo" },
      spec: {
        parentRefs: [{ group: "", kind: "Service", name: "web", port: 80 }],
        rules: [
          { matches, backendRefs: [{ name: backend, port: 80 }] },
          { backendRefs: [{ name: "web", port: 80 }] },
        ],
      },
    }) as unknown as HTTPRoute;
  const regex = (value: string) => [{ path: { type: "RegularExpression", value } }];
  const accepted = async (name: string) => {
    const { status } = await client.get<HTTPRoute>(GATEWAY_KINDS.HTTPRoute, name, "demo");
    const condition = status?.parents[0]?.conditions.find(({ type }) => type === "Accepted");
    return condition === undefined ? "" : `${condition.status} ${condition.reason} ${condition.message}`;
  };
  const rewrite = (name: string, value: string) =>
    client.patch(
      GATEWAY_KINDS.HTTPRoute,
      name,
      "demo",
      [{ op: "replace", path: "/spec/rules/0/matches", value: regex(value) }],
      { type: "json" },
    );
  const proxyStatus = () => home.run(["proxy-status", "-n", "demo"]);

  test("is quoted in the route's status, and what was there goes on over both families", async () => {
    await client.create(GATEWAY_KINDS.HTTPRoute, route("long", regex("/b[0-9]"), "books"));
    await eventually(
      () => answers("web", "/b1"),
      (said) => said.join() === "books,books",
    );
    await eventually(
      () => accepted("long"),
      (text) => text.startsWith("True Accepted"),
    );
    await eventually(
      async () => proxyStatus().status,
      (code) => code === 0,
    );

    await rewrite("long", LONG);
    const told = await eventually(
      () => accepted("long"),
      (text) => text.startsWith("False"),
    );
    assert.match(told, /^False UnsupportedValue the sidecars? of demo\//);
    assert.ok(told.includes(`regex '${LONG}' RE2 program size of 57 > max program size of 30`), told);
    assert.deepEqual(await answers("web", "/b1"), ["books", "books"], "as before");
    assert.deepEqual(await answers("web", "/"), ["web", "web"]);
    assert.deepEqual(await answers("shop", "/"), ["shop", "shop"]);
  });

  test("proxy-status says which sidecars refuse what, and the route has an event", async () => {
    const { stdout } = await eventually(
      async () => proxyStatus(),
      (said) => /client-[^ ]+\.demo +SYNCED +SYNCED +SYNCED +ERROR/.test(said.stdout) && said.status === 79,
    );
    assert.ok(stdout.includes("RE2 program size of 57"), stdout);
    type Event = KubeObject & { reason?: string; message?: string; involvedObject?: { name?: string } };
    const isAboutIt = ({ reason, involvedObject }: Event) =>
      reason === "Refused" && involvedObject?.name === "long";
    const { items } = await eventually(
      () => client.list<Event>(KINDS.Event, { namespace: "demo" }),
      (list) => list.items.some(isAboutIt),
    );
    const event = items.find(isAboutIt);
    assert.match(event?.message ?? "", /RE2 program size of 57/);
    const others = items.filter(({ reason, involvedObject }) => {
      return reason === "Refused" && involvedObject?.name !== "long";
    });
    assert.deepEqual(others, []);
  });

  test("is withheld: sidecars that start have all else, and other routes of that port take effect", async () => {
    await client.create(GATEWAY_KINDS.HTTPRoute, {
      metadata: { name: "other", namespace: "demo" },
      spec: {
        parentRefs: [{ group: "", kind: "Service", name: "shop", port: 80 }],
        rules: [
          { matches: regex("/o[0-9]"), backendRefs: [{ name: "books", port: 80 }] },
          { backendRefs: [{ name: "shop", port: 80 }] },
        ],
      },
    } as unknown as HTTPRoute);
    await eventually(
      () => answers("shop", "/o1"),
      (said) => said.join() === "books,books",
    );
    await client.create(KINDS.Deployment, deployment("late", SHELL) as never);
    const late = async (path: string) => (await answers("web", path, "late")).join();
    // as the others have it
    await eventually(
      () => late("/b1"),
      (said) => said === "books,books",
    );
    assert.equal(await late("/"), "web,web");
    assert.match(await accepted("long"), /^False UnsupportedValue/, "and its status stays as it is");
    // a status waits for the sidecars that are to have it, the one that started among them
    await eventually(
      () => accepted("other"),
      (text) => text.startsWith("True"),
    );
    assert.match(await accepted("long"), /^False UnsupportedValue/, "still");
    assert.equal(proxyStatus().status, 79);
  });

  test("is forgotten when the route is mended", async () => {
    await rewrite("long", "/c[0-9]");
    await eventually(
      () => answers("web", "/c1"),
      (said) => said.join() === "books,books",
    );
    await eventually(
      () => accepted("long"),
      (text) => text.startsWith("True Accepted"),
    );
    // the other worker of a sidecar may have it later
    await eventually(
      () => answers("web", "/b1"),
      (said) => said.join() === "web,web",
    );
    await eventually(
      async () => proxyStatus().status,
      (code) => code === 0,
    );
  });
});
