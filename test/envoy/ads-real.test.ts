import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type AdsServer, type Nack, startAdsServer } from "../../src/envoy/ads/index.ts";
import { createAuthority, issueCertificate } from "../../src/pki/issue.ts";
import { ENVOY, eventually, freePort, get, startBackend, startEnvoy } from "./ads-envoy.ts";
import { changeTo, cluster, endpoint, listener, routes } from "./ads-resources.ts";

const REAL = { skip: ENVOY === undefined ? "Envoy is not set up" : false };
/** Refused only when Envoy builds it: it is named in the error, and left among the warming clusters. */
const BAD_RING = {
  lb_policy: "RING_HASH",
  ring_hash_lb_config: { minimum_ring_size: 100, maximum_ring_size: 10 },
};

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "tandem-ads-"));
});
after(() => rm(folder, { recursive: true, force: true }));

type World = Awaited<ReturnType<typeof setUp>>;

/** A server on a unix socket, an Envoy on it, and one backend that is served at `/` on `port`. */
async function setUp(name: string, apiType: "GRPC" | "DELTA_GRPC" = "DELTA_GRPC") {
  const path = join(folder, `${name}.sock`);
  const start = () => startAdsServer({ listen: [{ path }], authorize: ({ nodeId }) => nodeId });
  const server: AdsServer = await start();
  const backend = await startBackend("one");
  const envoy = await startEnvoy(name, { address: { pipe: { path } }, apiType });
  const port = await freePort();
  const first = [
    cluster("one"),
    endpoint("one", backend.port),
    listener("web", port, "web"),
    routes("web", { "/": "one" }),
  ];
  server.replace(name, first);
  assert.equal(
    await eventually(
      () => get(port, "/"),
      (answer) => answer === "200 one",
    ),
    "200 one",
  );
  const nacks: Nack[] = [];
  server.onNack((nack) => nacks.push(nack));
  const tearDown = async () => {
    await envoy.stop();
    backend.close();
  };
  return { server, start, first, envoy, port, backend, nacks, tearDown };
}

test("a real Envoy adds, updates and removes, and is up to date when `applied` says so", REAL, async () => {
  const world = await setUp("changes");
  const { server, port, backend } = world;
  try {
    server.set("changes", changeTo(cluster("two"), endpoint("two", backend.port)));
    server.set("changes", changeTo(routes("web", { "/two": "two", "/": "one" })));
    await server.applied("changes");
    assert.equal(await get(port, "/two"), "200 one");

    server.set("changes", changeTo(cluster("two", { connect_timeout: "2s" })));
    await server.applied("changes");
    const stats = await world.envoy.admin("/stats?filter=init_fetch_timeout|warming_clusters");
    assert.doesNotMatch(stats, /: [1-9]/, "the updated cluster got its endpoints again");

    server.set("changes", [
      { kind: "cluster", name: "two" },
      { kind: "endpoint", name: "two" },
      ...changeTo(routes("web", { "/": "one" })),
    ]);
    await server.applied("changes");
    const gone = await eventually(
      () => world.envoy.admin("/clusters"),
      (text) => !text.includes("two::"),
    );
    assert.doesNotMatch(gone, /^two::/m);
    assert.equal(server.status("changes")[0]?.kinds.cluster.state, "synced");
    assert.deepEqual(world.nacks, []);
  } finally {
    await world.tearDown();
    await server.close();
  }
});

test("what a real Envoy refuses stays alone, and Envoy goes on answering", REAL, async () => {
  const world = await setUp("nack");
  const { server, port, backend, nacks } = world;
  try {
    const bad = [cluster("ring", BAD_RING), endpoint("ring", backend.port)];
    server.set(
      "nack",
      changeTo(...bad, cluster("good"), endpoint("good", backend.port), routes("web", { "/": "good" })),
    );
    await server.applied("nack");
    assert.deepEqual(
      nacks.map(({ kind, name, origins }) => ({ kind, name, origins })),
      [{ kind: "cluster", name: "ring", origins: ["Service/default/ring"] }],
    );
    assert.match(nacks[0]?.message ?? "", /^ring hash: minimum_ring_size/);
    assert.equal(await get(port, "/"), "200 one");

    // refused without a name: found by halving
    const many = [1, 2, 3, 4, 5].map((number) => cluster(`many-${number}`));
    server.set("nack", changeTo(...many, cluster("negative", { connect_timeout: "-1s" })));
    await server.applied("nack");
    assert.equal(nacks[1]?.name, "negative");
    assert.equal(server.status("nack")[0]?.kinds.cluster.inForce, 7);

    const nowhere = { address: { socket_address: { address: "192.0.2.1", port_value: 1 } } };
    server.set(
      "nack",
      changeTo(listener("nowhere", 1, "web", nowhere), listener("more", await freePort(), "web")),
    );
    await server.applied("nack");
    assert.match(nacks[2]?.message ?? "", /^cannot bind/);
    assert.equal(nacks.length, 3);
    assert.equal(server.status("nack")[0]?.kinds.listener.inForce, 2);
    assert.equal(await get(port, "/"), "200 one");
  } finally {
    await world.tearDown();
    await server.close();
  }
});

test(
  "a restarted control plane with the same configuration sends nothing, and Envoy serves on",
  REAL,
  async () => {
    const world = await setUp("restart");
    try {
      await world.server.applied("restart");
      await world.server.close();
      assert.equal(await get(world.port, "/"), "200 one");
      const next = await world.start();
      try {
        await eventually(
          async () => next.counters.streams,
          (streams) => streams === 1,
        );
        assert.equal(await get(world.port, "/"), "200 one", "nothing is known yet, and nothing taken away");
        next.replace("restart", world.first);
        const synced = () => next.status("restart")[0]?.kinds.route.state;
        assert.equal(
          await eventually(
            async () => synced(),
            (state) => state === "synced",
          ),
          "synced",
        );
        const sent = Object.values(next.counters.kinds).reduce((sum, { responses }) => sum + responses, 0);
        assert.equal(sent, 0);
        next.set("restart", changeTo(routes("web", { "/new": "one", "/": "one" })));
        await next.applied("restart");
        assert.equal(next.counters.kinds.route.acknowledged, 1);
      } finally {
        await next.close();
      }
    } finally {
      await world.tearDown();
    }
  },
);

test(
  "over both families with mutual TLS; a node that the certificate is not for is denied",
  REAL,
  async () => {
    const authority = await createAuthority("test");
    const subject = (usage: "serverAuth" | "clientAuth", name: string) =>
      issueCertificate(authority, {
        commonName: name,
        subjectAltNames: [`DNS:${name}`],
        usages: [usage],
        days: 1,
      });
    const own = await subject("serverAuth", "xds.example");
    const client = await subject("clientAuth", "gateway-1");
    for (const [name, pem] of Object.entries({
      ca: authority.certificate,
      crt: client.certificate,
      key: client.key,
    })) {
      await writeFile(join(folder, `client.${name}`), pem);
    }
    const server = await startAdsServer({
      listen: [
        { host: "127.0.0.1", port: 0 },
        { host: "::1", port: 0 },
      ],
      tls: { ...own, clientCa: authority.certificate },
      authorize: ({ commonName, nodeId }) => (commonName === nodeId ? nodeId : undefined),
    });
    server.replace("gateway-1", [cluster("one")]);
    const file = (name: string) => ({ filename: join(folder, `client.${name}`) });
    const transportSocket = {
      name: "envoy.transport_sockets.tls",
      typed_config: {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        sni: "xds.example",
        common_tls_context: {
          tls_certificates: [{ certificate_chain: file("crt"), private_key: file("key") }],
          validation_context: { trusted_ca: file("ca") },
        },
      },
    };
    const connect = (nodeId: string, index: number) => {
      const address = server.addresses[index];
      assert.ok(address !== undefined && "host" in address);
      const socket = { address: address.host, port_value: address.port };
      return startEnvoy(nodeId, { address: { socket_address: socket }, transportSocket });
    };
    const envoys = [
      await connect("gateway-1", 0),
      await connect("gateway-1", 1),
      await connect("gateway-2", 0),
    ];
    try {
      const status = await eventually(
        async () => server.status("gateway-1"),
        (all) => all.length === 2 && server.counters.denied > 0,
      );
      assert.deepEqual(status.map(({ family }) => family).sort(), ["IPv4", "IPv6"]);
      assert.ok(server.counters.denied > 0);
      assert.deepEqual(server.status("gateway-2"), []);
    } finally {
      await Promise.all(envoys.map((envoy) => envoy.stop()));
      await server.close();
    }
  },
);

test("no request fails while each moment another cluster takes over", REAL, async () => {
  const world = await setUp("churn");
  const { server, port, backend } = world;
  const answers = new Map<string, number>();
  let over = false;
  const load = (async () => {
    while (!over) {
      const answer = await get(port, "/");
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
  })();
  try {
    for (let turn = 1; turn <= 100; turn++) {
      const before = turn === 1 ? "one" : `c${turn - 1}`;
      server.set("churn", [
        ...changeTo(
          cluster(`c${turn}`),
          endpoint(`c${turn}`, backend.port),
          routes("web", { "/": `c${turn}` }),
        ),
        { kind: "cluster", name: before },
        { kind: "endpoint", name: before },
      ]);
      if (turn % 3 === 0) await server.applied("churn");
    }
    await server.applied("churn");
    over = true;
    await load;
    assert.deepEqual([...answers.keys()], ["200 one"]);
  } finally {
    over = true;
    await load;
    await world.tearDown();
    await server.close();
  }
});

/** Adds a cluster with a route, has one refused, and takes both away again. */
async function changeAndChangeBack({ server, port, backend, nacks, envoy }: World): Promise<void> {
  const bad = [cluster("ring", BAD_RING), endpoint("ring", backend.port)];
  server.set("sotw", changeTo(cluster("two"), endpoint("two", backend.port), ...bad));
  server.set("sotw", changeTo(routes("web", { "/two": "two", "/": "one" })));
  await server.applied("sotw");
  assert.equal(await get(port, "/two"), "200 one");
  assert.deepEqual(
    nacks.map(({ name }) => name),
    ["ring"],
  );
  server.set("sotw", [
    { kind: "cluster", name: "two" },
    { kind: "endpoint", name: "two" },
    { kind: "cluster", name: "ring" },
    { kind: "endpoint", name: "ring" },
    ...changeTo(routes("web", { "/": "one" })),
  ]);
  await server.applied("sotw");
  const gone = await eventually(
    () => envoy.admin("/clusters"),
    (text) => !text.includes("two::"),
  );
  assert.doesNotMatch(gone, /^two::/m);
}

test("state of the world: as delta does, and nothing is sent again after a restart", REAL, async () => {
  const world = await setUp("sotw", "GRPC");
  const settled = (server: AdsServer, kind: "cluster" | "route") =>
    eventually(
      async () => server.status("sotw")[0]?.kinds[kind].state,
      (state) => state === "synced",
    );
  try {
    await changeAndChangeBack(world);
    assert.equal(await settled(world.server, "cluster"), "synced");
    await world.server.close();
    const next = await world.start();
    try {
      next.replace("sotw", world.first);
      assert.equal(await settled(next, "route"), "synced");
      // the version of endpoints still covers a cluster that went since: they may come again
      const sent = (["cluster", "listener", "route"] as const).filter(
        (kind) => next.counters.kinds[kind].responses > 0,
      );
      assert.deepEqual(sent, []);
      assert.equal(await get(world.port, "/"), "200 one");
    } finally {
      await next.close();
    }
  } finally {
    await world.tearDown();
    await world.server.close();
  }
});

test("an address that others can reach needs certificates", async () => {
  const open = startAdsServer({ listen: [{ host: "::", port: 0 }], authorize: () => "any" });
  await assert.rejects(open, /anyone could ask/);
});
