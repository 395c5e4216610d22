/** Which backends of a port take traffic on this node, per family (kube-proxy's topology.go). */
import type { Family } from "../ip/family.ts";
import type { Backend, BackendConditions, PortBackend } from "../traffic/model.ts";
import type { NodeFacts } from "./facts.ts";

/** The endpoints of one port in one family: texts as nftables writes them, `10.244.0.5 . 8080`, sorted. */
export interface Targets {
  /** For traffic that any endpoint may take. */
  readonly cluster: readonly string[];
  /** For traffic under a Local policy. */
  readonly local: readonly string[];
  /** Whether any endpoint takes traffic anywhere: a Local policy without local ones drops, otherwise it rejects. */
  readonly any: boolean;
  /** Addresses of endpoints on this node: those may reach themselves through their Service. */
  readonly hairpins: readonly string[];
}

interface Candidate {
  readonly text: string;
  readonly address: string;
  readonly backend: Backend;
  readonly conditions: BackendConditions;
  readonly local: boolean;
}

const NO_TARGETS: Targets = { cluster: [], local: [], any: false, hairpins: [] };

/**
 * Chooses: the ready endpoints; when there is none, those that still serve while they terminate. The cluster-wide and
 * the local set are judged each for itself, and hints narrow the cluster-wide one.
 */
export function targetsOf(backends: readonly PortBackend[], family: Family, facts: NodeFacts): Targets {
  const candidates = candidatesOf(backends, family, facts);
  if (candidates.length === 0) return NO_TARGETS;
  const meant = usable(candidates, topologyFilter(candidates, facts));
  const local = usable(candidates.filter((candidate) => candidate.local));
  return {
    cluster: meant.map(textOf).sort(),
    local: local.map(textOf).sort(),
    any: candidates.some(({ conditions }) => conditions.ready || isLastResort(conditions)),
    hairpins: [...meant, ...local].flatMap(({ backend, address }) =>
      backend.node === undefined || backend.node === facts.nodeName ? [address] : [],
    ),
  };
}

function candidatesOf(backends: readonly PortBackend[], family: Family, facts: NodeFacts): Candidate[] {
  const seen = new Set<string>();
  const candidates: Candidate[] = [];
  for (const { backend, port } of backends) {
    const address = backend.addresses[family];
    const conditions = backend.conditions[family];
    if (address === undefined || conditions === undefined) continue;
    const text = `${address} . ${port}`;
    if (seen.has(text)) continue;
    seen.add(text);
    candidates.push({ text, address, backend, conditions, local: backend.node === facts.nodeName });
  }
  return candidates;
}

function textOf(candidate: Candidate): string {
  return candidate.text;
}

function usable(
  candidates: readonly Candidate[],
  meant: (backend: Backend) => boolean = () => true,
): Candidate[] {
  const ready = candidates.filter(({ conditions, backend }) => conditions.ready && meant(backend));
  return ready.length > 0 ? ready : candidates.filter(({ conditions }) => isLastResort(conditions));
}

function isLastResort(conditions: BackendConditions): boolean {
  return conditions.serving && conditions.terminating;
}

/**
 * Hints count only where every ready endpoint has them and one is meant for this node, or else for this zone;
 * otherwise all endpoints do.
 */
function topologyFilter(
  candidates: readonly Candidate[],
  { nodeName, zone }: NodeFacts,
): ((backend: Backend) => boolean) | undefined {
  const ready = candidates.filter(({ conditions }) => conditions.ready);
  const choices = [
    (backend: Backend) => backend.forNodes?.includes(nodeName),
    (backend: Backend) => (zone === undefined ? undefined : backend.forZones?.includes(zone)),
  ];
  for (const meantForUs of choices) {
    const verdicts = ready.map(({ backend }) => meantForUs(backend));
    if (verdicts.includes(true) && !verdicts.includes(undefined))
      return (backend) => meantForUs(backend) === true;
  }
  return undefined;
}
