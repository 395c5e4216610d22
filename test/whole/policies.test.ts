/** Traffic policies in force, with real packets: each applied by manifests, and seen by clients of both families. */
import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { KubeClient, loadKubeconfig } from "../../src/client/index.ts";
import { GATEWAY_KINDS, type Gateway, TANDEM_GATEWAY_KINDS } from "../../src/objects/gateway/index.ts";
import { KINDS } from "../../src/objects/kinds.ts";
import type { KubeObject, Pod } from "../../src/objects/types.ts";
import { LAB_NODE } from "../../src/lab/init/root-layout.ts";
import { createAuthority, issueCertificate } from "../../src/pki/issue.ts";
import { eventually } from "../controllers/cluster.ts";
import { type Home, makeHome, ROOT } from "./tandem.ts";

const NAMESPACE = "shop";
const POLICIES = ["BackendTrafficPolicy", "ClientTrafficPolicy", "SecurityPolicy"] as const;

interface Answer {
  readonly status: number;
  readonly body: string;
}

type Place = "outside" | "pod";

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

/** A token (RFC 7519) by the test's own key. */
function token(claims: object): string {
  const text = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const head = `${text({ alg: "ES256", kid: "k" })}.${text({ exp: Math.floor(Date.now() / 1000) + 3600, ...claims })}`;
  const signature = sign("sha256", Buffer.from(head), { key: privateKey, dsaEncoding: "ieee-p1363" });
  return `${head}.${signature.toString("base64url")}`;
}

/** A pod with the key set (RFC 7517), and for each family a Service that has no other. */
function keyServers(): string {
  const keySet = JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k" }] });
  const labels = { app: "keys" };
  const containers = [{ name: "keys", image: "http-echo", args: ["-listen=:8080", `-text=${keySet}`] }];
  const pod = { metadata: { labels }, spec: { terminationGracePeriodSeconds: 0, containers } };
  const deployment = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "keys", namespace: NAMESPACE },
    spec: { selector: { matchLabels: labels }, template: pod },
  };
  const service = (name: string, family: string) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: NAMESPACE },
    spec: { ipFamilies: [family], selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
  });
  const all = [deployment, service("keys-six", "IPv6"), service("keys-four", "IPv4")];
  return all.map((object) => JSON.stringify(object)).join("\n---\n");
}

describe("traffic policies over both families", () => {
  let home: Home;
  let client: KubeClient;
  let edge: readonly string[];

  before(async () => {
    home = makeHome({ name: "whoever runs this" });
    const keys = join(home.path, "keys.yaml");
    writeFileSync(keys, keyServers());
    const up = home.run(["up", "-f", join(ROOT, "test/whole/policies"), "-f", keys]);
    // the matrix dials node ports of nodes that have no proxy, too: with the policy Local they answer to nobody
    assert.ok(up.status === 0 || up.status === 79, up.stderr + up.stdout);
    client = new KubeClient(await loadKubeconfig(join(home.path, "tandem/kubeconfig")));
    edge = await addressesOf("edge");
  });

  after(() => {
    client?.close();
    home.run(["down"]);
    home.remove();
  });

  /** Addresses of a Gateway as URLs have them, IPv4 first. */
  async function addressesOf(name: string): Promise<readonly string[]> {
    const { status } = await client.get<Gateway>(GATEWAY_KINDS.Gateway, name, NAMESPACE);
    const hosts = (status?.addresses ?? []).map(({ value = "" }) =>
      value.includes(":") ? `[${value}]` : value,
    );
    assert.equal(hosts.length, 2);
    return hosts;
  }

  function run(from: Place, script: string): string {
    const place = from === "outside" ? ["--outside"] : ["-n", NAMESPACE, "deploy/web"];
    const { stdout, stderr } = home.run(["lab", "exec", ...place, "--", "bash", "-c", script]);
    return stdout + stderr;
  }

  /** Asks so many times, one after the other; `extra` are more arguments of curl. */
  function ask(times: number, host: string, url: string, extra = "", from: Place = "outside"): Answer[] {
    const curl = `curl -g -sS --max-time 30 -w '\\n%{http_code}\\n' -H 'Host: ${host}.test' ${extra} 'http://${url}'`;
    const lines = run(from, `for i in $(seq ${times}); do ${curl}; done`).trimEnd().split("\n");
    const answers: Answer[] = [];
    let body: string[] = [];
    for (const line of lines) {
      if (/^\d{3}$/.test(line)) {
        answers.push({ status: Number(line), body: body.join("\n").trim() });
        body = [];
      } else body.push(line);
    }
    assert.equal(answers.length, times, lines.join("\n"));
    return answers;
  }

  const statuses = (answers: readonly Answer[]) => answers.map(({ status }) => status);
  const bodies = (answers: readonly Answer[]) => new Set(answers.map(({ body }) => body));
  const all = (times: number, status: number) => Array.from({ length: times }, () => status);
  const podsOf = async (labelSelector: string): Promise<readonly Pod[]> =>
    (await client.list<Pod>(KINDS.Pod, { namespace: NAMESPACE, labelSelector })).items;

  async function logOf(labelSelector: string): Promise<string> {
    const [pod] = await podsOf(labelSelector);
    const stream = await client.logs({ namespace: NAMESPACE, pod: pod?.metadata.name ?? "" });
    let text = "";
    for await (const chunk of stream.setEncoding("utf8")) text += chunk;
    return text;
  }

  test("all are accepted, and say so", async () => {
    for (const kind of POLICIES) {
      const isAccepted = ({ status }: PolicyReport) =>
        status?.ancestors[0]?.conditions.some((it) => it.type === "Accepted" && it.status === "True") ??
        false;
      await eventually(
        () =>
          client.list<KubeObject & PolicyReport>(TANDEM_GATEWAY_KINDS[kind], {
            namespace: NAMESPACE,
          }),
        ({ items }) => items.length > 0 && items.every(isAccepted),
      );
    }
  });

  test("a timeout ends a request that takes longer", () => {
    for (const address of edge) {
      assert.deepEqual(statuses(ask(1, "timeout", `${address}/shell?cmd=sleep%202`)), [504]);
      assert.deepEqual(statuses(ask(1, "plain", `${address}/shell?cmd=sleep%201`)), [200]);
    }
  });

  test("a failed request is retried elsewhere", () => {
    for (const address of edge) {
      assert.deepEqual(bodies(ask(10, "retry", address)), new Set(["good"]));
      const unretried = bodies(ask(30, "unretried", address));
      assert.ok(unretried.has("bad"), `without the policy it fails: ${[...unretried]}`);
    }
  });

  test("a circuit breaker refuses what is over its limit, and lets all through afterwards", async () => {
    for (const address of edge) {
      const one = `curl -g -sS -o /dev/null -w '%{http_code}\\n' -H 'Host: narrow.test' 'http://${address}/shell?cmd=sleep%203'`;
      // on a busy machine they may come one after the other
      await eventually(
        async () => run("outside", `for i in 1 2 3 4 5 6; do ${one} & done; wait`).trim().split("\n"),
        (together) => together.includes("200") && together.includes("503"),
      );
      assert.deepEqual(statuses(ask(5, "narrow", `${address}/hostname`)), all(5, 200));
    }
  });

  test("a hash of source, header or cookie leads to the same backend", () => {
    for (const address of edge) {
      const url = `${address}/hostname`;
      assert.ok(bodies(ask(20, "plain", url)).size > 1, "without a policy they are spread");
      assert.equal(bodies(ask(12, "by-source", url)).size, 1);
      assert.equal(bodies(ask(12, "by-header", url, "-H 'X-User: ann'")).size, 1);
      assert.ok(bodies(ask(20, "by-header", url, '-H "X-User: $i"')).size > 1);
      assert.equal(bodies(ask(12, "by-cookie", url, "-b 'user=ann'")).size, 1);
      assert.match(
        run("outside", `curl -g -sS -D - -H 'Host: by-cookie.test' http://${url}`),
        /set-cookie: user=/,
      );
    }
    const [header4, header6] = edge.map((address) =>
      bodies(ask(1, "by-header", `${address}/hostname`, "-H 'X-User: ann'")),
    );
    assert.deepEqual(header4, header6, "the same user has the same backend over both families");
  });

  test("a session stays with its backend, whichever family the client comes over", () => {
    const [address4, address6] = edge;
    const first = run("outside", `curl -g -sS -D - -H 'Host: session.test' http://${address4}/hostname`);
    const cookie = /set-cookie: (sitting="?[^";]+"?)/.exec(first)?.[1];
    assert.ok(cookie !== undefined, first);
    const backend = first.trim().split("\n").at(-1);
    for (const address of [address4, address6]) {
      const answers = ask(12, "session", `${address}/hostname`, `-b '${cookie}'`);
      assert.deepEqual(bodies(answers), new Set([backend]));
    }
    assert.ok(bodies(ask(20, "session", `${address4}/hostname`)).size > 1);
  });

  test("a backend dead on one family is asked over the other; dead on both it is left out", async () => {
    const [pod] = await podsOf("app=checked");
    const name = pod?.metadata.name ?? "";
    const at = (address: string, path: string) => ask(20, "checked", `${address}${path}`);
    const settled = async (holds: (backends: ReadonlySet<string>) => boolean) => {
      for (const address of edge)
        await eventually(
          async () => at(address, "/hostname"),
          (answers) => statuses(answers).every((status) => status === 200) && holds(bodies(answers)),
        );
    };
    await settled((backends) => backends.size === 2);
    for (const family of ["IPv4", "IPv6"]) {
      assert.equal(home.run(["lab", "break", "pod", `${NAMESPACE}/${name}`, "--family", family]).status, 0);
      await settled((backends) => backends.has(name) === (family === "IPv4") && backends.size > 0);
    }
    assert.equal(home.run(["lab", "mend"]).status, 0);
    await settled((backends) => backends.size === 2);
    home.run(["lab", "break", "pod", `${NAMESPACE}/${name}`, "--family", "IPv6"]);
    await settled((backends) => backends.has(name));
    home.run(["lab", "mend"]);
  });

  test("a backend whose answers are errors rests", async () => {
    for (const address of edge)
      await eventually(
        async () => bodies(ask(12, "watched", address)),
        (seen) => seen.size === 1 && seen.has("good"),
      );
  });

  test("each client has its own rate limit, over either family", () => {
    for (const address of edge) {
      for (const from of ["outside", "pod"] as const) {
        const seen = statuses(ask(4, "limited", `${address}/hostname`, "", from));
        assert.deepEqual(seen, [200, 200, 429, 429], `${from} at ${address}`);
      }
    }
  });

  test("CORS allows the origin that is named, and no other", () => {
    for (const address of edge) {
      const preflight = (origin: string) =>
        run(
          "outside",
          `curl -g -sS -D - -X OPTIONS -H 'Host: cors.test' -H 'Origin: ${origin}' ` +
            `-H 'Access-Control-Request-Method: PUT' http://${address}/`,
        );
      const allowed = preflight("https://shop.example");
      assert.match(allowed, /access-control-allow-origin: https:\/\/shop\.example\r/);
      assert.match(allowed, /access-control-allow-methods: GET,\s?PUT\r/);
      assert.match(allowed, /access-control-max-age: 3600\r/);
      assert.doesNotMatch(preflight("https://elsewhere.example"), /access-control-allow-origin/);
    }
  });

  test("who may come in is told by addresses of both families", () => {
    for (const address of edge) {
      assert.deepEqual(statuses(ask(1, "inside", `${address}/hostname`, "", "pod")), [200]);
      assert.deepEqual(statuses(ask(1, "inside", `${address}/hostname`, "", "outside")), [403]);
    }
  });

  test("who is not known by name and password stays outside", () => {
    for (const address of edge) {
      const as = (user: string) => statuses(ask(1, "known", `${address}/hostname`, user));
      assert.deepEqual(
        [as(""), as("-u ann:wrong"), as("-u nobody:"), as("-u ann:secret")].flat(),
        [401, 401, 401, 200],
      );
      const answer = run("outside", `curl -g -sS -D - -o /dev/null -H 'Host: known.test' http://${address}/`);
      assert.match(answer, /www-authenticate: Basic realm=/i);
    }
  });

  test("tokens are judged by keys that are fetched over the one family that their Service has", async () => {
    const good = { iss: "https://login.example", sub: "ann", scope: "read buy" };
    for (const address of edge) {
      const as = (host: string, ...headers: string[]) =>
        headers.flatMap((header) => statuses(ask(1, host, `${address}/hostname`, header)));
      const bearer = (claims: object) => `-H 'Authorization: Bearer ${token(claims)}'`;
      await eventually(
        async () => as("token-six", bearer(good))[0],
        (status) => status === 200,
      );
      assert.deepEqual(as("token-six", "", bearer({ ...good, iss: "other" })), [401, 401]);
      const [seen] = ask(1, "token-six", `${address}/header?key=x-user`, `${bearer(good)} -H 'X-User: eve'`);
      assert.deepEqual(seen, { status: 200, body: "ann" });
      await eventually(
        async () => as("token-four", bearer(good))[0],
        (status) => status === 200,
      );
      assert.deepEqual(
        as("token-four", "", bearer({ ...good, scope: "read" }), "-H 'Authorization: Bearer x'"),
        [403, 403, 401],
      );
    }
  });

  test("a client is known by its key", () => {
    for (const address of edge) {
      const as = (key: string, header: string) =>
        ask(1, "keyed", `${address}/header?key=${header}`, `-H 'X-User: eve' -H 'X-Key: ${key}'`)[0];
      assert.deepEqual(as("key-of-ann", "x-user"), { status: 200, body: "ann" });
      assert.deepEqual(as("key-of-ann", "x-key"), { status: 200, body: "" });
      assert.equal(as("other", "x-user")?.status, 401);
    }
  });

  test("a service is asked about each request, and its refusal is the answer", () => {
    for (const address of edge) {
      const [letIn] = ask(1, "asked", `${address}/hostname`);
      assert.match(letIn?.body ?? "", /^web-/);
      assert.deepEqual(ask(1, "asked", `${address}/forbidden`), [{ status: 401, body: "who are you" }]);
    }
  });

  test("paths and headers are rewritten", () => {
    for (const address of edge) {
      const answer = run(
        "outside",
        `curl -g -sS -D - -H 'Host: rewritten.test' 'http://${address}/old?key=x-added'`,
      );
      assert.match(answer, /x-answered: yes\r/);
      assert.match(answer, /\r\nby the gateway$/);
    }
  });

  test("requests are mirrored, and answered by the first alone", async () => {
    for (const [index, address] of edge.entries()) {
      const answers = ask(1, "mirrored", `${address}/echo?msg=copied-${index}`);
      assert.deepEqual(answers, [{ status: 200, body: `copied-${index}` }]);
      await eventually(
        () => logOf("app=copy"),
        (log) => log.includes(`GET /echo?msg=copied-${index}\n`),
      );
    }
  });

  test("answers are compressed for those who take it", () => {
    const long = "a".repeat(2000);
    for (const address of edge) {
      for (const encoding of ["gzip", "br"]) {
        const fetch = `curl -g -sS -D - -H 'Host: plain.test' -H 'Accept-Encoding: ${encoding}'`;
        const head = run("outside", `${fetch} -o /dev/null 'http://${address}/echo?msg=${long}'`);
        assert.match(head, new RegExp(`content-encoding: ${encoding}\\r`));
      }
      assert.deepEqual(bodies(ask(1, "plain", `${address}/echo?msg=${long}`)), new Set([long]));
    }
  });

  test("requests are logged in the policy's words", async () => {
    for (const [index, address] of edge.entries()) {
      ask(1, "plain", `${address}/echo?code=41${index}`);
      await eventually(
        () => logOf("gateway.networking.k8s.io/gateway-name=edge"),
        (log) => log.includes(`seen plain.test 41${index}\n`),
      );
    }
  });

  test("clients need a certificate where a Gateway asks for it", async () => {
    const [server, clients] = await Promise.all([createAuthority("servers"), createAuthority("clients")]);
    const issue = (authority: typeof server, commonName: string, usage: "serverAuth" | "clientAuth") =>
      issueCertificate(authority, {
        commonName,
        subjectAltNames: ["DNS:mutual.test"],
        usages: [usage],
        days: 2,
      });
    const [served, known, unknown] = await Promise.all([
      issue(server, "mutual", "serverAuth"),
      issue(clients, "ann", "clientAuth"),
      issue(server, "mallory", "clientAuth"),
    ]);
    await client.create(KINDS.Secret, {
      metadata: { name: "mutual", namespace: NAMESPACE },
      type: "kubernetes.io/tls",
      data: { "tls.crt": base64(served.certificate), "tls.key": base64(served.key) },
    });
    await client.create(KINDS.ConfigMap, {
      metadata: { name: "clients", namespace: NAMESPACE },
      data: { "ca.crt": clients.certificate },
    });
    await client.create(GATEWAY_KINDS.Gateway, {
      metadata: { name: "mutual", namespace: NAMESPACE },
      spec: {
        gatewayClassName: "tandem",
        listeners: [
          { name: "https", port: 443, protocol: "HTTPS", tls: { certificateRefs: [{ name: "mutual" }] } },
        ],
        tls: {
          frontend: {
            default: {
              validation: { caCertificateRefs: [{ group: "", kind: "ConfigMap", name: "clients" }] },
            },
          },
        },
      },
    });
    await client.create(GATEWAY_KINDS.HTTPRoute, {
      metadata: { name: "mutual", namespace: NAMESPACE },
      spec: {
        parentRefs: [{ name: "mutual" }],
        rules: [{ backendRefs: [{ name: "web", port: 80 }] }],
      },
    });
    await programmed("mutual");
    const file = (name: string, text: string) => {
      const path = join(home.path, name);
      writeFileSync(path, text);
      return path;
    };
    const trust = file("servers.crt", server.certificate);
    const withKey = ({ certificate, key }: typeof known, name: string) =>
      `--cert ${file(`${name}.crt`, certificate)} --key ${file(`${name}.key`, key)}`;
    for (const address of await addressesOf("mutual")) {
      const attempt = (extra: string) =>
        run(
          "outside",
          `curl -g -sS --max-time 30 --cacert ${trust} --resolve mutual.test:443:${address} ${extra} ` +
            "-o /dev/null -w '%{http_code}' https://mutual.test/",
        );
      await eventually(
        async () => attempt(withKey(known, "known")),
        (result) => result === "200",
      );
      assert.match(attempt(""), /^000|certificate required|alert/);
      assert.match(attempt(withKey(unknown, "unknown")), /^000|unknown ca|alert/);
    }
  });

  const programmed = (name: string) =>
    eventually(
      () => client.get<Gateway>(GATEWAY_KINDS.Gateway, name, NAMESPACE),
      ({ status }) =>
        (status?.conditions?.some(({ type, status: is }) => type === "Programmed" && is === "True") ??
          false) &&
        status?.addresses?.length === 2,
    );

  /** Sends bytes as they are to a Gateway's port; a client that is refused reads nothing. */
  function raw(from: Place, address: string, port: number, text: string): string {
    const host = address.replace(/[[\]]/g, "");
    return run(from, `exec 3<>/dev/tcp/${host}/${port}; printf '${text}' >&3; timeout 5 cat <&3 2>/dev/null`);
  }

  /** Its answer, asked again while a busy machine is too slow for it. */
  const heard = (ask: () => string, what: RegExp) =>
    eventually(
      async () => ask(),
      (said) => what.test(said),
    );

  test("the PROXY protocol tells the client's address, from senders of the list alone", async () => {
    const request =
      "GET /header?key=X-Forwarded-For HTTP/1.1\\r\\nHost: behind.test\\r\\nConnection: close\\r\\n\\r\\n";
    for (const address of await addressesOf("behind")) {
      for (const [protocol, source, destination] of [
        ["TCP4", "203.0.113.7", "203.0.113.1"],
        ["TCP6", "2001:db8::7", "2001:db8::1"],
      ] as const) {
        const header = `PROXY ${protocol} ${source} ${destination} 4711 80\\r\\n`;
        const trusted = await heard(
          () => raw("outside", address, 80, header + request),
          /^HTTP\/1\.1 200 [\s\S]*\r\n\r\n/,
        );
        assert.ok(trusted.includes(`\r\n${source}\r\n`), trusted);
        const refused = raw("pod", address, 80, header + request);
        assert.ok(!refused.includes("200 OK") && !refused.includes(source), refused);
      }
      assert.doesNotMatch(raw("outside", address, 80, request), /200 OK/, "without a header");
    }
  });

  test("backends are told the client's address by the PROXY protocol, in both versions", async () => {
    for (const [index, address] of edge.entries()) {
      const first = await heard(() => raw("outside", address, 9001, "hello\\n"), /hello\n$/);
      const source = index === 0 ? /^got PROXY TCP4 172\.18\.0\.1 / : /^got PROXY TCP6 fd00:172:18::1 /;
      assert.match(first, source);
      assert.match(first, /\ngot hello\n$/);
      const second = await heard(() => raw("outside", address, 9002, "hello\\n"), /hello\n$/);
      assert.match(second, /^got \r\ngot \r\ngot \0\r\ngot QUIT\ngot !/);
    }
  });

  test("what an Envoy refuses is shown by proxy-status, with its own words, and of no other type", async () => {
    const [pod] = await podsOf("gateway.networking.k8s.io/gateway-name=behind");
    // by a server that does not share its port, as Envoy does
    const server = "require('net').createServer().listen(7000, '0.0.0.0')";
    const taken = "until (exec 3<>/dev/tcp/127.0.0.1/7000); do sleep 0.05; done";
    const take = `exec 0</dev/null >/dev/null 2>&1; ${LAB_NODE}/node -e "${server}" & disown; ${taken}`;
    const inProxy = ["lab", "exec", "-n", NAMESPACE, pod?.metadata.name ?? "", "--"];
    assert.equal(home.run([...inProxy, "timeout", "60", "bash", "-c", take]).status, 0);
    const status = (...flags: string[]) =>
      home.run(["proxy-status", "gateway/behind", "-n", NAMESPACE, ...flags]);
    const healthy = await eventually(
      async () => status(),
      ({ status: code }) => code === 0,
    );
    assert.match(healthy.stdout, /CDS +LDS +EDS +RDS +SDS/);
    await client.patch(
      GATEWAY_KINDS.Gateway,
      "behind",
      NAMESPACE,
      [{ op: "add", path: "/spec/listeners/-", value: { name: "taken", port: 7000, protocol: "HTTP" } }],
      { type: "json" },
    );
    const states = "CDS SYNCED, LDS ERROR, EDS SYNCED, RDS SYNCED, SDS SYNCED";
    const types = await eventually(
      async () => {
        const { stdout, status: code } = status("-o", "json");
        const [report] = JSON.parse(stdout) as { types: TypeReport[] }[];
        return code === 79 ? (report?.types ?? []) : [];
      },
      (all) => all.map(({ type, state }) => `${type} ${state}`).join(", ") === states,
    );
    const problem = "cannot bind '0.0.0.0:7000': Address already in use";
    assert.deepEqual(types.find(({ type }) => type === "LDS")?.problems, [{ name: "tcp-7000", problem }]);
    assert.ok(status().stdout.includes(`LDS tcp-7000: ${problem}`));
    await eventually(
      () => client.get<Gateway>(GATEWAY_KINDS.Gateway, "behind", NAMESPACE),
      ({ status: now }) => JSON.stringify(now).includes("Address already in use"),
    );
    await client.patch(
      GATEWAY_KINDS.Gateway,
      "behind",
      NAMESPACE,
      [{ op: "remove", path: "/spec/listeners/1" }],
      { type: "json" },
    );
    await eventually(
      async () => status().status,
      (code) => code === 0,
    );
  });
});

interface PolicyReport {
  readonly status?: {
    readonly ancestors: readonly {
      readonly conditions: readonly {
        readonly type: string;
        readonly status: string;
        readonly message: string;
      }[];
    }[];
  };
}

interface TypeReport {
  readonly type: string;
  readonly state: string;
  readonly problems: readonly { readonly name: string; readonly problem: string }[];
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
