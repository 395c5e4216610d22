/**
 * From `tandem up` to the first green matrix of examples/tcp-echo, against the floor: the same network namespaces and
 * links and the same number of rules, made by `ip -batch` and `nft -f` alone.
 */
import { spawn, spawnSync } from "node:child_process";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");
const RUNS = 3;
const NODES = 2;
/** Pods of the example: tcp-echo and sleep in three namespaces, and the three probe pods. */
const PODS = 9;
/** Services of the example with their ports and families, kube-dns and kubernetes: elements of each map. */
const ELEMENTS = 40;

/** Milliseconds until the matrix appears on standard output; rejects where the run is not green. */
function timeUp(): Promise<number> {
  return new Promise((resolvePromise, reject) => {
    const start = performance.now();
    const args = ["up", "-f", join(ROOT, "examples/tcp-echo"), "--once", "--name", "bench"];
    const child = spawn(join(ROOT, "bin/tandem"), args, { stdio: ["ignore", "pipe", "pipe"] });
    let matrixAt = 0;
    let log = "";
    child.stdout.on("data", () => {
      if (matrixAt === 0) matrixAt = performance.now();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      log += chunk.toString();
    });
    child.on("close", (code) => {
      if (code === 0) resolvePromise(matrixAt - start);
      else reject(new Error(`tandem up --once ended with ${code}\n${log}`));
    });
  });
}

/** The floor as one shell script: nothing but the kernel's own work. */
function floorScript(): string {
  const spaces = Array.from({ length: NODES + PODS }, (_, index) => `n${index}`);
  const links = spaces.flatMap((space, index) => [
    `link add v${index} type veth peer name eth0 netns ${space}`,
    `link set v${index} up`,
    `address add 10.9.${index}.1/32 dev v${index}`,
    `address add fd00:9:${index}::1/128 dev v${index} nodad`,
  ]);
  const elements = Array.from({ length: ELEMENTS }, (_, index) => `10.96.0.${index + 1} . tcp . 80 : accept`);
  const rules = `table ip f { map m { type ipv4_addr . inet_proto . inet_service : verdict; elements = { ${elements.join(", ")} }\n }\n}\n`;
  const rules6 = rules
    .replace("table ip f", "table ip6 f")
    .replace("ipv4_addr", "ipv6_addr")
    .replaceAll("10.96.0.", "fd00:10:96::");
  return [
    "set -e; mount -t tmpfs t /run; mkdir -p /run/netns",
    ...spaces.map((space) => `ip netns add ${space}`),
    `ip -batch - <<E\n${links.join("\n")}\nE`,
    ...Array.from(
      { length: NODES },
      (_, index) => `ip netns exec n${index} nft -f - <<E\n${rules}\n${rules6}\nE`,
    ),
  ].join("\n");
}

function timeFloor(): number {
  const start = performance.now();
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  const result = spawnSync(
    "unshare",
    [...user, "--net", "--mount", "--pid", "--fork", "sh", "-c", floorScript()],
    { encoding: "utf8" },
  );
  if (result.status !== 0) throw new Error(`the floor failed: ${result.stderr}`);
  return performance.now() - start;
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const ups: number[] = [];
const floors: number[] = [];
for (let run = 0; run < RUNS; run++) {
  ups.push(await timeUp());
  floors.push(timeFloor());
}
console.log(
  `tandem up to the first green matrix: ${(median(ups) / 1000).toFixed(2)} s (median of ${RUNS}; aim: at most 5 s)`,
);
console.log(`floor, namespaces and rules alone:   ${(median(floors) / 1000).toFixed(2)} s`);
console.log(`ratio:                               ${(median(ups) / median(floors)).toFixed(1)}`);
