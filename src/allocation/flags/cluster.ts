/** Judges the components of a cluster together: is it dual-stack, and which flag comes next? */
import { type Family, otherFamily } from "../../ip/family.ts";
import { judge, readFlags } from "./judge.ts";
import type { ComponentProcess } from "./listing.ts";
import { lastValue, type ParsedFlags } from "./pflag.ts";
import { type Setting, settingsOf } from "./settings.ts";
import { COMPONENTS, type Component, KUBERNETES_VERSION, type Verdict } from "./verdict.ts";

/** One component of the cluster. */
export interface ComponentReport {
  readonly component: Component;
  readonly pid?: number;
  readonly line: number;
  readonly verdict: Verdict;
  readonly settings: readonly Setting[];
  /** A configuration file that decides too, and cannot be seen in a listing. */
  readonly configFile?: string;
}

/** Something that keeps the cluster from being dual-stack. */
export interface FlagFinding {
  readonly component: Component;
  readonly flag: string;
  readonly problem: string;
  /** What to set; a value in angle brackets is to be filled in. */
  readonly next: string;
  /** A value that would do for what is in angle brackets. */
  readonly example?: string;
}

/** What a cluster would be with these flags. */
export interface ClusterReport {
  readonly kubernetes: string;
  /** `unknown` when no flag says anything about families. */
  readonly cluster: "dual-stack" | "single-stack" | "inconsistent" | "unknown";
  /** The families of Services (else of pods, else of nodes), primary first. */
  readonly families: readonly Family[];
  readonly components: readonly ComponentReport[];
  readonly findings: readonly FlagFinding[];
  readonly notes: readonly string[];
}

const EXAMPLES = {
  services: { IPv4: "10.96.0.0/16", IPv6: "fd00:10:96::/112" },
  pods: { IPv4: "10.244.0.0/16", IPv6: "fd00:10:244::/56" },
  nodes: { IPv4: undefined, IPv6: undefined },
} as const;

interface Judged extends ComponentReport {
  readonly flags: ParsedFlags;
}

/** Judges each process's flags and the cluster that they make. Pure. */
export function judgeCluster(processes: readonly ComponentProcess[]): ClusterReport {
  const judged = processes.map(judgeProcess).sort(byImportance);
  const accepted = judged.filter((item) => item.verdict.accepted);
  const wanted = wantedFamilies(accepted);
  const all = wanted === undefined ? [] : accepted.flatMap((item) => findingsOf(item, wanted, accepted));
  const findings = uniqueBy(all, (finding) => JSON.stringify(finding));
  const cluster = classify(accepted, findings);
  return {
    kubernetes: KUBERNETES_VERSION,
    cluster,
    families:
      cluster === "single-stack"
        ? wanted!.slice(0, 1)
        : cluster === "dual-stack"
          ? wanted!
          : familiesSeen(accepted),
    components: judged.map(({ flags: _flags, ...report }) => report),
    findings,
    notes: notesOf(judged),
  };
}

function judgeProcess(process: ComponentProcess): Judged {
  const { component, args, line, pid } = process;
  const verdict = judge(component, args);
  const flags = readFlags(component, args);
  const settings = verdict.accepted ? settingsOf(component, flags) : [];
  const configFile = lastValue(flags, "config");
  return {
    component,
    ...(pid && { pid }),
    line,
    verdict,
    settings,
    ...(configFile && { configFile }),
    flags,
  };
}

/** Both families, in the order of the setting that decides most: Services, else pods, else nodes. */
function wantedFamilies(judged: readonly Judged[]): Family[] | undefined {
  const families = familiesSeen(judged);
  return families[0] === undefined ? undefined : [families[0], otherFamily(families[0])];
}

function familiesSeen(judged: readonly Judged[]): readonly Family[] {
  const settings = allSettings(judged);
  for (const about of ["services", "pods", "nodes"] as const) {
    const setting = settings.find((item) => item.about === about);
    if (setting !== undefined) return setting.families;
  }
  return [];
}

/** The control plane first, in the order in which flags have to be changed. */
function byImportance(a: Judged, b: Judged): number {
  return COMPONENTS.indexOf(a.component) - COMPONENTS.indexOf(b.component);
}

function uniqueBy<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}

function allSettings(judged: readonly Judged[]): Setting[] {
  return judged.flatMap((item) => item.settings);
}

function classify(judged: readonly Judged[], findings: readonly FlagFinding[]): ClusterReport["cluster"] {
  const settings = allSettings(judged);
  if (settings.length === 0) return "unknown";
  if (findings.length === 0) return "dual-stack";
  const families = new Set(settings.flatMap((setting) => setting.families));
  return families.size === 1 && settings.every((setting) => setting.families.length === 1)
    ? "single-stack"
    : "inconsistent";
}

function findingsOf(item: Judged, wanted: readonly Family[], all: readonly Judged[]): FlagFinding[] {
  const findings = item.settings.flatMap((setting) => settingFindings(item, setting, wanted, all));
  if (item.component === "kube-controller-manager") findings.push(...maskFindings(item));
  if (item.component === "kube-proxy") findings.push(...configFindings(item, all));
  if (item.component === "kubelet") findings.push(...nodeFindings(item, wanted));
  return findings;
}

function settingFindings(
  item: Judged,
  setting: Setting,
  wanted: readonly Family[],
  all: readonly Judged[],
): FlagFinding[] {
  const { component } = item;
  const { flag, families, about } = setting;
  const missing = wanted.find((family) => !families.includes(family));
  if (missing !== undefined) {
    const shown = setting.byDefault ? `not set, so ${setting.items[0]}` : setting.items.join(",");
    return [
      { component, flag, problem: `${about} have ${families[0]} only (${shown})`, ...fill(setting, wanted) },
    ];
  }
  const model = all
    .flatMap((other) => (other === item ? [] : other.settings))
    .find((other) => other.about === about);
  const leads =
    component === "kube-apiserver" || (component === "kube-controller-manager" && about === "pods");
  if (!leads && about !== "nodes" && model !== undefined && model.families.length === 2) {
    if ([...model.items].sort().join() !== [...setting.items].sort().join()) {
      const problem = `${setting.items.join(",")} is not what the rest of the cluster has (${model.items.join(",")})`;
      return [{ component, flag, problem, next: `${flag}=${model.items.join(",")}` }];
    }
  }
  if (component !== "kube-proxy" && families[0] !== wanted[0]) {
    const problem = `${families[0]} comes first here, ${wanted[0]} in the Service ranges`;
    return [{ component, flag, problem, next: `${flag}=${[...setting.items].reverse().join(",")}` }];
  }
  return [];
}

/** The flag with what it has, and a place for what it lacks, in the wanted order. */
function fill(setting: Setting, wanted: readonly Family[]): { next: string; example?: string } {
  const noun = setting.about === "nodes" ? "address" : "CIDR";
  const values = wanted.map((family) => {
    const at = setting.families.indexOf(family);
    return at < 0 ? `<${family} ${noun}>` : setting.items[at]!.replace(/ \(.*$/, "");
  });
  const missing = wanted.find((family) => !setting.families.includes(family))!;
  const example = EXAMPLES[setting.about][missing];
  const next = `${setting.flag}=${values.join(",")}`;
  return example === undefined ? { next } : { next, example };
}

/** One mask for all families is refused as soon as there are two. */
function maskFindings({ component, flags, settings }: Judged): FlagFinding[] {
  const mask = lastValue(flags, "node-cidr-mask-size");
  const family = settings.find((setting) => setting.about === "pods")?.families[0];
  if (mask === undefined || Number(mask) === 0 || family === undefined) return [];
  const flag = "--node-cidr-mask-size";
  const masks = { IPv4: "24", IPv6: "64", [family]: mask };
  const next = `${flag}-ipv4=${masks.IPv4} ${flag}-ipv6=${masks.IPv6}`;
  return [
    { component, flag, problem: "not allowed with dual-stack clusters", next: `${next} instead of ${flag}` },
  ];
}

/** kube-proxy's file counts instead of its flags: what should be in it once the cluster is changed. */
function configFindings(item: Judged, all: readonly Judged[]): FlagFinding[] {
  if (item.configFile === undefined) return [];
  const pods = all.flatMap((other) => other.settings).find((setting) => setting.about === "pods");
  if (pods === undefined || pods.families.length === 2) return [];
  const filled = fill(pods, [pods.families[0]!, otherFamily(pods.families[0]!)]);
  const next = `clusterCIDR: "${filled.next.replace(/^[^=]*=/, "")}" in ${item.configFile}`;
  const problem = "its file has to name both pod ranges as well";
  return [
    {
      component: item.component,
      flag: "--config",
      problem,
      next,
      ...(filled.example && { example: filled.example }),
    },
  ];
}

/** Without --node-ip a kubelet reports one address; only an external cloud provider may add the other. */
function nodeFindings({ component, flags, settings }: Judged, wanted: readonly Family[]): FlagFinding[] {
  if (settings.length > 0 || lastValue(flags, "cloud-provider") === "external") return [];
  const next = `--node-ip=${wanted.map((family) => `<${family} address>`).join(",")}`;
  return [{ component, flag: "--node-ip", problem: "not set: the node reports one address only", next }];
}

function notesOf(judged: readonly Judged[]): string[] {
  const notes = judged.flatMap((item) => item.verdict.notes.map((note) => `${item.component}: ${note}`));
  for (const { component, configFile } of judged) {
    if (component === "kube-proxy" && configFile) {
      notes.push(
        `kube-proxy: ${configFile} cannot be seen here, and counts instead of the flags; look at its clusterCIDR`,
      );
    }
  }
  for (const { component, flags } of judged) {
    if (
      component === "kubelet" &&
      lastValue(flags, "cloud-provider") === "external" &&
      !lastValue(flags, "node-ip")
    ) {
      notes.push(
        "kubelet: the cloud provider decides the node's addresses; kubectl get node -o wide shows them",
      );
    }
  }
  for (const component of COMPONENTS) {
    if (judged.some((item) => item.component === component)) continue;
    notes.push(`${component} is not in the listing, so nothing is said about it`);
  }
  return [...new Set(notes)];
}
