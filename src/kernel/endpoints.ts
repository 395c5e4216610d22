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
}

const NO_TARGETS: Targets = { cluster: [], local: [], any: false, hairpins: [] };

/**
 * Chooses: the ready endpoints; when there is none, those that still serve while they terminate. The cluster-wide and
 * the local set are judged each for itself, and hints narrow the cluster-wide one.
 */
export function targetsOf(backends: readonly PortBackend[], family: Family, facts: NodeFacts): Targets {
  const candidates = candidatesOf(backends, family);
  if (candidates.length === 0) return NO_TARGETS;
  const meant = topologyFilter(candidates, facts);
  const here = candidates.filter(({ backend }) => (backend.node ?? facts.nodeName) === facts.nodeName);
  return {
    cluster: usable(candidates, meant),
    local: here.length === 0 ? NOBODY : usable(here.filter(({ backend }) => backend.node !== undefined)),
    any: true,
    hairpins: here.map(({ address }) => address),
  };
}

const NOBODY: readonly string[] = [];

/** The endpoints that take traffic at all, now or as a last resort. */
function candidatesOf(backends: readonly PortBackend[], family: Family): Candidate[] {
  const seen = backends.length > 1 ? new Set<string>() : undefined;
  const candidates: Candidate[] = [];
  for (const { backend, port } of backends) {
    const address = backend.addresses[family];
    const conditions = backend.conditions[family];
    if (address === undefined || conditions === undefined) continue;
    if (!conditions.ready && !isLastResort(conditions)) continue;
    const text = `${address} . ${port}`;
    if (seen?.has(text)) continue;
    seen?.add(text);
    candidates.push({ text, address, backend, conditions });
  }
  return candidates;
}

function usable(candidates: readonly Candidate[], meant?: (backend: Backend) => boolean): readonly string[] {
  const texts: string[] = [];
  for (const { conditions, backend, text } of candidates) {
    if (conditions.ready && (meant === undefined || meant(backend))) texts.push(text);
  }
  if (texts.length === 0)
    for (const { conditions, text } of candidates) if (!conditions.ready) texts.push(text);
  return texts.length > 1 ? texts.sort() : texts;
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
  if (!candidates.some(({ backend }) => backend.forNodes ?? backend.forZones)) return undefined;
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
