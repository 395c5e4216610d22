import assert from "node:assert/strict";
import { test } from "node:test";
import { Command } from "commander";
import { factsOfNode } from "../../src/cli/proxy/facts.ts";
import { addProxyFlags, type ProxySettings, readProxyFlags } from "../../src/cli/proxy/flags.ts";
import { UserError } from "../../src/errors/user-error.ts";
import { flagSetOf } from "../../src/allocation/flags/known.ts";
import type { Node } from "../../src/objects/types.ts";

function read(...args: string[]): ProxySettings {
  const command = addProxyFlags(new Command("proxy").exitOverride());
  command.configureOutput({ writeErr: () => {} });
  command.parse(args, { from: "user" });
  return readProxyFlags(command.opts());
}

const TAKEN: [args: string[], wanted: Partial<ProxySettings>][] = [
  [
    [],
    { hardFail: false, masqueradeAll: false, cleanup: false, auditMs: 300_000, familyReadiness: "report" },
  ],
  [[], { healthz: { host: "0.0.0.0", port: 10256 }, metrics: { host: "127.0.0.1", port: 10249 } }],
  [["--node-name=N"], { nodeName: "N" }],
  [["--hostname-override= Node-1 "], { nodeName: "node-1" }],
  [
    ["--cluster-cidr=10.244.0.9/16,fd00:0::1/56"],
    { clusterRanges: { IPv4: ["10.244.0.0/16"], IPv6: ["fd00::/56"] } },
  ],
  [["--cluster-cidr=10.244.0.0/16", "--detect-local-mode=NodeCIDR"], {}],
  [["--nodeport-addresses=primary"], { nodePortAddresses: "primary" }],
  [
    ["--nodeport-addresses=10.0.0.0/8,10.1.0.0/16"],
    { nodePortAddresses: { IPv4: ["10.0.0.0/8", "10.1.0.0/16"] } },
  ],
  [["--healthz-bind-address=[::]:1"], { healthz: { host: "::", port: 1 } }],
  [["--healthz-bind-address=:2"], { healthz: { host: "0.0.0.0", port: 2 } }],
  [["--metrics-bind-address=::1"], { metrics: { host: "::1", port: 10249 } }],
  [["--bind-address=0.0.0.0"], {}],
  [["--bind-address=FD00::2"], { primaryAddress: "fd00::2" }],
  [["--sync-period=1m30s"], { auditMs: 90_000 }],
  [["--sync-period=0s"], { auditMs: 0 }],
  [["--masquerade-all"], { masqueradeAll: true }],
  [["--masquerade-all=false"], { masqueradeAll: false }],
  [["--cleanup=true"], { cleanup: true }],
  [["--proxy-mode=nftables", "--iptables-masquerade-bit=14"], {}],
  [["--family-readiness=enforce"], { familyReadiness: "enforce" }],
];

for (const [args, wanted] of TAKEN) {
  test(`taken: ${args.join(" ") || "no flags"}`, () => {
    const settings = read(...args);
    const keys = Object.keys(wanted) as (keyof ProxySettings)[];
    assert.deepEqual(Object.fromEntries(keys.map((key) => [key, settings[key]])), wanted);
    for (const key of ["clusterRanges", "primaryAddress", "nodePortAddresses", "nodeName"] as const) {
      if (!keys.includes(key)) assert.equal(settings[key], undefined, key);
    }
  });
}

test("an empty bind address means nowhere", () => {
  assert.equal(read("--healthz-bind-address=").healthz, undefined);
  assert.equal(read("--metrics-bind-address=").metrics, undefined);
});

const REFUSED: [flag: string, why: RegExp][] = [
  ["--config=/etc/kube-proxy.yaml", /reads no KubeProxyConfiguration/],
  ["--proxy-mode=iptables", /nftables only/],
  ["--iptables-masquerade-bit=15", /bit 14/],
  ["--detect-local-mode=BridgeInterface", /by their addresses/],
  ["--detect-local-mode=ClusterCIDR", /no pod ranges to go by/],
  ["--cluster-cidr=10.244.0.0", /is no CIDR/],
  ["--cluster-cidr=10.244.0.0/16,10.245.0.0/16", /several ranges of IPv4/],
  ["--nodeport-addresses=primary,10.0.0.0/8", /can't use both/],
  ["--healthz-bind-address=localhost:1", /no ADDRESS:PORT/],
  ["--metrics-bind-address=127.0.0.1:70000", /no ADDRESS:PORT/],
  ["--bind-address=node", /no IP address/],
  ["--sync-period=30", /no duration/],
  ["--masquerade-all=maybe", /neither true nor false/],
  ["--hostname-override= ", /empty/],
  ["--family-readiness=yes", /neither enforce nor report/],
  ["--conntrack-min=1", /connection tracking/],
  ["--min-sync-period=1s", /at once/],
  ["-v", /standard error/],
];

for (const [flag, why] of REFUSED) {
  test(`refused: ${flag}`, () => {
    assert.throws(
      () => read(flag),
      (error) => {
        assert.ok(error instanceof UserError);
        assert.match(error.parts.why, why);
        assert.ok(
          error.parts.where?.startsWith(`flag -${flag === "-v" ? "-v" : flag.slice(1)}`),
          error.parts.where,
        );
        assert.ok(error.parts.next);
        return true;
      },
    );
  });
}

test("two names of the node must agree", () => {
  assert.throws(() => read("--node-name=a", "--hostname-override=b"), /both name the Node/);
});

test("every flag of kube-proxy is taken or refused by name", () => {
  const known = new Set(addProxyFlags(new Command()).options.map(({ long }) => long?.slice(2)));
  const names = `bind-address bind-address-hard-fail cleanup cluster-cidr config config-sync-period
    conntrack-max-per-core conntrack-min conntrack-tcp-be-liberal conntrack-tcp-timeout-close-wait
    conntrack-tcp-timeout-established conntrack-udp-timeout conntrack-udp-timeout-stream detect-local-mode
    feature-gates healthz-bind-address healthz-port hostname-override init-only iptables-localhost-nodeports
    iptables-masquerade-bit iptables-min-sync-period iptables-sync-period ipvs-exclude-cidrs ipvs-min-sync-period
    ipvs-scheduler ipvs-strict-arp ipvs-sync-period ipvs-tcp-timeout ipvs-tcpfin-timeout ipvs-udp-timeout
    kube-api-burst kube-api-content-type kube-api-qps kubeconfig log-flush-frequency logging-format masquerade-all
    master metrics-bind-address metrics-port nodeport-addresses oom-score-adj pod-bridge-interface
    pod-interface-name-prefix profiling proxy-mode show-hidden-metrics-for-version v vmodule write-config-to`.split(
    /\s+/,
  );
  assert.deepEqual(
    names.filter((name) => !known.has(name)),
    [],
  );
  const set = flagSetOf("kube-proxy");
  assert.deepEqual(
    names.filter((name) => set.typeOf(name) === undefined),
    [],
  );
});

const NODE = {
  metadata: { name: "n1", labels: { "topology.kubernetes.io/zone": "z" } },
  spec: { podCIDRs: ["10.244.1.0/24", "fd00:10:244:1::/64"] },
  status: {
    addresses: [
      { type: "Hostname", address: "n1" },
      { type: "InternalIP", address: "172.18.0.2" },
      { type: "InternalIP", address: "fd00::2" },
      { type: "ExternalIP", address: "192.0.2.1" },
    ],
  },
} as unknown as Node;

test("facts come from the Node, the flags and the kernel", () => {
  const { facts, notes } = factsOfNode(NODE, read("--masquerade-all"), {}, ["10.96.0.0/16", "fd00:96::/112"]);
  assert.deepEqual(facts, {
    nodeName: "n1",
    zone: "z",
    families: ["IPv4", "IPv6"],
    addresses: { IPv4: ["172.18.0.2", "192.0.2.1"], IPv6: ["fd00::2"] },
    podRanges: { IPv4: ["10.244.1.0/24"], IPv6: ["fd00:10:244:1::/64"] },
    serviceRanges: { IPv4: ["10.96.0.0/16"], IPv6: ["fd00:96::/112"] },
    masqueradeAll: true,
  });
  assert.deepEqual(notes, []);
});

test("flags come before the Node", () => {
  const settings = read(
    "--cluster-cidr=10.0.0.0/8",
    "--nodeport-addresses=primary",
    "--bind-address=192.0.2.1",
  );
  const { facts, notes } = factsOfNode(NODE, settings, {}, []);
  assert.deepEqual(facts.podRanges, { IPv4: ["10.0.0.0/8"] });
  assert.deepEqual(facts.nodePortAddresses, { IPv4: ["192.0.2.1/32"], IPv6: ["fd00::2/128"] });
  assert.deepEqual(notes, ["IPv6 has no pod ranges: traffic to cluster IPs from outside is not masqueraded"]);
});

test("a family that the kernel or the Node lacks is left out with its reason", () => {
  const without = factsOfNode(NODE, read(), { IPv6: "switched off" }, []);
  assert.deepEqual(without.facts.families, ["IPv4"]);
  assert.deepEqual(without.notes, ["IPv6 is left out: switched off"]);
  const six = {
    ...NODE,
    spec: {},
    status: { addresses: [{ type: "InternalIP", address: "fd00::2" }] },
  } as Node;
  const only = factsOfNode(six, read("--cluster-cidr=fd00::/56"), {}, []);
  assert.deepEqual(only.facts.families, ["IPv6"]);
  assert.match(only.notes[0] ?? "", /^IPv4 is left out: Node n1 has no address of it/);
});
