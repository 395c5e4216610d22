/**
 * Metrics of a node's kernel part in Prometheus' text format 0.0.4. Few and fixed, so they are written here by hand
 * instead of by a library.
 */
import type { Family } from "../../ip/family.ts";
import type { SyncReport } from "../index.ts";

type Labels = Readonly<Record<string, string>>;

/** kube-proxy's buckets of its sync duration, in seconds, and a finer start: Tandem's syncs take milliseconds. */
const SYNC_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];
/** As kube-proxy's network_programming_duration_seconds: coarse and long, for it begins at the change itself. */
const LATENCY_BUCKETS = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 10, 20, 30, 60, 120, 180, 240, 300,
];

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** A counter or gauge with a value per set of labels. */
class Values {
  readonly #head: string;
  readonly #name: string;
  readonly #values = new Map<string, number>();

  constructor(type: "counter" | "gauge", name: string, help: string) {
    this.#name = name;
    this.#head = `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  }

  set(value: number, labels: Labels = {}): void {
    this.#values.set(labelText(labels), value);
  }

  add(value: number, labels: Labels = {}): void {
    const key = labelText(labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + value);
  }

  text(): string {
    return this.#head + [...this.#values].map(([key, value]) => `${this.#name}${key} ${value}\n`).join("");
  }
}

interface Series {
  readonly labels: Labels;
  /** Observations up to each bound, not cumulative. */
  readonly counts: number[];
  count: number;
  sum: number;
}

/** A histogram with fixed bounds. */
class Histogram {
  readonly #head: string;
  readonly #name: string;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Series>();

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name;
    this.#bounds = bounds;
    this.#head = `# HELP ${name} ${help}\n# TYPE ${name} histogram\n`;
  }

  observe(value: number, labels: Labels): void {
    const key = labelText(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { labels, counts: this.#bounds.map(() => 0), count: 0, sum: 0 };
      this.#series.set(key, series);
    }
    const bucket = this.#bounds.findIndex((bound) => value <= bound);
    if (bucket >= 0) series.counts[bucket] = (series.counts[bucket] as number) + 1;
    series.count++;
    series.sum += value;
  }

  text(): string {
    let text = this.#head;
    for (const { labels, counts, count, sum } of this.#series.values()) {
      let below = 0;
      counts.forEach((own, index) => {
        below += own;
        text += `${this.#name}_bucket${labelText({ ...labels, le: String(this.#bounds[index]) })} ${below}\n`;
      });
      text += `${this.#name}_bucket${labelText({ ...labels, le: "+Inf" })} ${count}\n`;
      text += `${this.#name}_sum${labelText(labels)} ${sum}\n${this.#name}_count${labelText(labels)} ${count}\n`;
    }
    return text;
  }
}

/** The metrics of the kernel part of a node. */
export class KernelMetrics {
  readonly #syncs = new Histogram(
    "tandem_kernel_sync_duration_seconds",
    "Duration of a sync of the rules that touched a family; one transaction may serve both.",
    SYNC_BUCKETS,
  );
  readonly #latency = new Histogram(
    "tandem_kernel_network_programming_duration_seconds",
    "From a change of endpoints (the slice's trigger time) to the rules in force.",
    LATENCY_BUCKETS,
  );
  readonly #lastSync = new Values(
    "gauge",
    "tandem_kernel_last_sync_timestamp_seconds",
    "When a sync that touched a family was last in force.",
  );
  readonly #lastQueued = new Values(
    "gauge",
    "tandem_kernel_last_queued_timestamp_seconds",
    "When a change last came in.",
  );
  readonly #elements = new Values(
    "counter",
    "tandem_kernel_elements_changed_total",
    "Map and set elements added, replaced or deleted.",
  );
  readonly #syncCount = new Values("counter", "tandem_kernel_syncs_total", "Syncs by what they were for.");
  readonly #foreign = new Values(
    "counter",
    "tandem_kernel_foreign_rules_total",
    "Audits that found rules which somebody else had changed, and put them right.",
  );
  readonly #errors = new Values("counter", "tandem_kernel_errors_total", "Syncs that failed.");
  readonly #services = new Values("gauge", "tandem_kernel_services", "Services that are known.");
  readonly #probes = new Values(
    "counter",
    "tandem_kernel_health_probes_total",
    "Answers of /healthz and /livez.",
  );
  readonly #start = new Values("gauge", "process_start_time_seconds", "Start time of the process.");
  readonly #memory = new Values("gauge", "process_resident_memory_bytes", "Resident memory size in bytes.");

  constructor() {
    this.#start.set(performance.timeOrigin / 1000);
    this.#errors.add(0);
    this.#foreign.add(0);
  }

  /** Notes a sync that is in force. @param now ms since the epoch */
  synced(report: SyncReport, now = Date.now()): void {
    this.#syncCount.add(1, { why: report.why });
    if (report.foreignRules) this.#foreign.add(1);
    for (const [name, elements] of Object.entries(report.elements)) {
      const family = name as Family;
      this.#elements.add(elements, { family });
      for (const time of report.triggers[family] ?? [])
        this.#latency.observe(Math.max(0, now - time) / 1000, { family });
      if (report.why === "change" && elements === 0) continue;
      this.#syncs.observe(report.milliseconds / 1000, { family });
      this.#lastSync.set(now / 1000, { family });
    }
  }

  failed(): void {
    this.#errors.add(1);
  }

  queued(now = Date.now()): void {
    this.#lastQueued.set(now / 1000);
  }

  probed(path: string, code: number): void {
    this.#probes.add(1, { path, code: String(code) });
  }

  /** Everything in the text format. @param services how many Services there are now */
  text(services: number): string {
    this.#services.set(services);
    this.#memory.set(process.memoryUsage.rss());
    const all = [
      this.#syncs,
      this.#latency,
      this.#lastSync,
      this.#lastQueued,
      this.#elements,
      this.#syncCount,
    ];
    const rest = [this.#foreign, this.#errors, this.#services, this.#probes, this.#start, this.#memory];
    return [...all, ...rest].map((metric) => metric.text()).join("");
  }
}
