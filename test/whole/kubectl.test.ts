import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { downAfterTest, type Home, kubectlMinor, type OwnCluster, ROOT, upForTest } from "./tandem.ts";

const minor = kubectlMinor();
const skip = minor >= 30 ? false : "2026-11-21: needs kubectl 1.30 or newer on PATH";

/** Controllers follow by some milliseconds: what must become true is tried again, a bounded number of times. */
function eventually(check: () => void, attempts = 1000): void {
  for (let left = attempts; ; left--) {
    try {
      check();
      return;
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

/** For `kubectl wait`: a busy machine takes long. */
const PATIENCE = "--timeout=300s";

describe("kubectl against a running cluster", { skip }, () => {
  let cluster: OwnCluster;
  let home: Home;
  let kubeconfig: string;

  before(async () => {
    cluster = await upForTest(() => ["-f", join(ROOT, "examples/any-family")]);
    ({ home, kubeconfig } = cluster);
  });

  after(() => downAfterTest(cluster));

  function kubectl(args: readonly string[], input?: string): string {
    const env = { ...process.env, KUBECONFIG: kubeconfig, HOME: home.path };
    const result = spawnSync("kubectl", args, {
      env,
      encoding: "utf8",
      ...(input === undefined ? {} : { input }),
    });
    assert.equal(result.status, 0, `kubectl ${args.join(" ")}: ${result.stderr}`);
    return result.stdout;
  }

  test("the kubeconfig is for its owner only", () => {
    assert.equal(statSync(kubeconfig).mode & 0o777, 0o600);
  });

  test("get: tables with the real columns, wide with both families; yaml and json", () => {
    assert.match(kubectl(["get", "services"]), /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\n/);
    assert.match(kubectl(["get", "service", "web", "-o", "wide"]), /10\.96\.\d+\.\d+,fd00:10:96::[0-9a-f:]+/);
    assert.match(kubectl(["get", "pods"]), /^NAME +READY +STATUS +RESTARTS +AGE\nweb-\S+ +1\/1 +Running +0 /);
    assert.match(kubectl(["get", "endpointslices"]), /IPv6 +8080 +fd00:10:244:/);
    assert.match(kubectl(["get", "service", "web", "-o", "yaml"]), /ipFamilies:\n {2}- IPv4\n {2}- IPv6\n/);
    const pods = JSON.parse(kubectl(["get", "pods", "-o", "json"])) as {
      items: { status: { podIPs: { ip: string }[] } }[];
    };
    for (const pod of pods.items) {
      assert.deepEqual(
        pod.status.podIPs.map(({ ip }) => ip.includes(":")),
        [false, true],
      );
    }
  });

  test("describe: Services, pods with their events, nodes with their ranges", () => {
    assert.match(kubectl(["describe", "service", "web"]), /IP Families: +IPv4,IPv6\n/);
    eventually(() =>
      assert.match(
        kubectl(["describe", "pods", "-l", "app=web"]),
        /Scheduled .*Successfully assigned default\/web-/,
      ),
    );
    assert.match(kubectl(["describe", "node", "node-1"]), /PodCIDRs: +10\.244\.\d+\.0\/24,fd00:10:244:/);
  });

  test("conditions that hold give no reason against them", () => {
    const ready = '{.items[*].status.conditions[?(@.type=="Ready")]}';
    assert.doesNotMatch(
      kubectl(["get", "pods", "-l", "app=web", "-o", `jsonpath=${ready}`]),
      /message|reason/,
    );
  });

  test("logs and exec", () => {
    eventually(() => assert.match(kubectl(["logs", "deploy/web"]), /listening on :8080/));
    assert.equal(kubectl(["exec", "deploy/web", "--", "sh", "-c", "echo $((6*7))"]), "42\n");
    assert.equal(kubectl(["exec", "-i", "deploy/web", "--", "cat"], "through\n"), "through\n");
    const failing = spawnSync("kubectl", ["exec", "deploy/web", "--", "sh", "-c", "exit 9"], {
      env: { ...process.env, KUBECONFIG: kubeconfig },
    });
    assert.equal(failing.status, 9);
  });

  test("scale, wait, rollout, delete", () => {
    kubectl(["scale", "deployment", "web", "--replicas=4"]);
    kubectl(["wait", "--for=jsonpath={.status.readyReplicas}=4", "deployment/web", PATIENCE]);
    assert.match(kubectl(["rollout", "status", "deployment/web"]), /successfully rolled out/);
    assert.equal(kubectl(["get", "pods", "-l", "app=web", "-o", "name"]).trim().split("\n").length, 4);
    kubectl(["delete", "deployment", "web"]);
    kubectl(["wait", "--for=delete", "pod", "-l", "app=web", PATIENCE]);
    eventually(() =>
      assert.match(kubectl(["get", "endpointslices", "-l", "kubernetes.io/service-name=web"]), /<unset>/),
    );
  });

  test("StatefulSets: rollout status, history and undo", () => {
    const labels = { app: "db" };
    const container = { name: "db", image: "busybox", command: ["sleep", "infinity"] };
    const template = {
      metadata: { labels },
      spec: { terminationGracePeriodSeconds: 0, containers: [container] },
    };
    const spec = { serviceName: "db", replicas: 2, selector: { matchLabels: labels }, template };
    const set = { apiVersion: "apps/v1", kind: "StatefulSet", metadata: { name: "db" }, spec };
    kubectl(["apply", "-f", "-"], JSON.stringify(set));
    const rolledOut = (): string => kubectl(["rollout", "status", "statefulset/db", PATIENCE]);
    assert.match(rolledOut(), /complete: 2 new pods have been updated/);
    kubectl(["set", "env", "statefulset/db", "ROUND=two"]);
    assert.match(rolledOut(), /complete: 2 new pods have been updated/);
    assert.match(kubectl(["rollout", "history", "statefulset/db"]), /^1 .*\n2 /m);
    kubectl(["rollout", "undo", "statefulset/db"]);
    rolledOut();
    assert.equal(kubectl(["exec", "db-1", "--", "sh", "-c", "echo $ROUND"]), "\n");
    assert.match(kubectl(["get", "statefulsets"]), /^NAME +READY +AGE\ndb +2\/2 /);
    kubectl(["delete", "statefulset", "db"]);
    kubectl(["wait", "--for=delete", "pod", "-l", "app=db", PATIENCE]);
  });

  test("Jobs: create, wait, logs; what fails says why", () => {
    kubectl(["create", "job", "hello", "--image=busybox", "--", "echo", "hello"]);
    kubectl(["wait", "--for=condition=complete", "job/hello", PATIENCE]);
    assert.equal(kubectl(["logs", "job/hello"]), "hello\n");
    assert.match(
      kubectl(["get", "jobs"]),
      /^NAME +STATUS +COMPLETIONS +DURATION +AGE\nhello +Complete +1\/1 /,
    );
    const spec = {
      restartPolicy: "Never",
      containers: [{ name: "c", image: "busybox", command: ["false"] }],
    };
    const job = { backoffLimit: 0, template: { spec } };
    const failing = { apiVersion: "batch/v1", kind: "Job", metadata: { name: "no" }, spec: job };
    kubectl(["create", "-f", "-"], JSON.stringify(failing));
    kubectl(["wait", "--for=condition=failed", "job/no", PATIENCE]);
    eventually(() =>
      assert.match(
        kubectl(["describe", "job", "no"]),
        /BackoffLimitExceeded .*Job has reached the specified backoff limit/,
      ),
    );
    kubectl(["delete", "jobs", "--all"]);
    kubectl(["wait", "--for=delete", "pod", "-l", "job-name", PATIENCE]);
  });

  test("apply creates, changes and leaves alone", () => {
    const file = join(home.path, "map.yaml");
    const write = (value: string) =>
      writeFileSync(file, `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m\ndata:\n  k: ${value}\n`);
    write("one");
    assert.match(kubectl(["apply", "-f", file]), /created/);
    assert.match(kubectl(["apply", "-f", file]), /unchanged/);
    write("two");
    assert.match(kubectl(["apply", "-f", file]), /configured/);
    assert.equal(kubectl(["get", "configmap", "m", "-o", "jsonpath={.data.k}"]), "two");
    kubectl(["delete", "-f", file]);
  });
});
