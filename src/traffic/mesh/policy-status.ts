/** What the statuses of policies say: whether they are taken, what contradicts them, who cannot follow them. */
import {
  type AuthorizationPolicy,
  MESH_NAMESPACE,
  type MeshPolicy,
  type MeshPolicyStatus,
} from "../../objects/mesh/index.ts";
import { conditionsOf, type Fact, fails, holds } from "../gateway/conditions.ts";
import { equal } from "../gateway/equality.ts";
import {
  accessContradictions,
  type Contradiction,
  labelsOf,
  meshContradictions,
} from "./policy-conflicts.ts";
import { RefusedBy } from "./refused-by.ts";
import type { PolicyBook, PolicyKind } from "./policies.ts";
import { findingsOfAccess, findingsOfMesh } from "./policy-findings.ts";
import { pairsOf, type Populations } from "./populations.ts";

/** The status that a policy is to have. */
export interface PolicyStatusWish {
  readonly kind: PolicyKind;
  /** `namespace/name`. */
  readonly key: string;
  readonly status: MeshPolicyStatus;
}

type Policy = MeshPolicy | AuthorizationPolicy;

/** So many contradictions or refusals are told; more than that are counted. */
const MOST = 5;

/** Statuses of all policies; those that may be others are found by namespace and kind. */
export class PolicyStatuses {
  readonly #book: PolicyBook;
  readonly #now: () => string;
  readonly #populations: Populations;
  /** `KIND/NAMESPACE` whose policies are to be judged again. */
  readonly #dirty = new Set<string>();
  readonly #known = new Map<string, PolicyStatusWish>();
  /** What sidecars say of what follows from a policy. */
  readonly #refused = new RefusedBy<string>();

  constructor(book: PolicyBook, populations: Populations, now: () => string) {
    this.#book = book;
    this.#populations = populations;
    this.#now = now;
  }

  /** Takes note that a policy came, went or changed: others of its namespace may contradict it. */
  touch(kind: PolicyKind, key: string, isGone: boolean): void {
    this.#dirty.add(`${kind}/${key.slice(0, key.indexOf("/"))}`);
    if (!isGone) return;
    this.#known.delete(`${kind}/${key}`);
    this.#refused.forget(`${kind}/${key}`);
  }

  /** Takes note that pods of a namespace have come to have these labels (`key=value`), or have them no more. */
  touchLabels(namespace: string, pairs: ReadonlySet<string>): void {
    if (pairs.size === 0) return;
    for (const kind of ["MeshPolicy", "AuthorizationPolicy"] as const)
      for (const place of new Set([namespace, MESH_NAMESPACE])) {
        const policies = this.#book.inNamespace(kind, place);
        if (policies.some((policy) => pairsOf(labelsOf(policy)).some((pair) => pairs.has(pair))))
          this.#dirty.add(`${kind}/${place}`);
      }
  }

  /** Replaces what a sidecar cannot follow: messages of its proxy by `KIND/NAMESPACE/NAME` of policies. */
  setRefused(sidecar: string, messages: ReadonlyMap<string, string>): boolean {
    const changed = this.#refused.replace(sidecar, messages);
    for (const id of changed) this.#dirty.add(id.split("/").slice(0, 2).join("/"));
    return changed.length > 0;
  }

  /** The statuses that are different from the last time, by `KIND/NAMESPACE/NAME`. */
  take(): ReadonlyMap<string, PolicyStatusWish> {
    const changed = new Map<string, PolicyStatusWish>();
    for (const place of this.#dirty) {
      const [kind, namespace] = place.split("/") as [PolicyKind, string];
      const policies = this.#book.inNamespace(kind, namespace);
      for (const policy of policies) {
        const key = `${namespace}/${policy.metadata.name}`;
        const id = `${kind}/${key}`;
        const before = this.#known.get(id)?.status;
        const status = this.#statusOf(kind, id, policy, policies, before ?? policy.status);
        if (before !== undefined && equal(before, status)) continue;
        const wish = { kind, key, status };
        this.#known.set(id, wish);
        changed.set(id, wish);
      }
    }
    this.#dirty.clear();
    return changed;
  }

  #statusOf(
    kind: PolicyKind,
    id: string,
    policy: Policy,
    all: readonly Policy[],
    before: MeshPolicyStatus | undefined,
  ): MeshPolicyStatus {
    const facts = [
      acceptance(kind, policy, this.#populations),
      ...conflict(
        kind === "MeshPolicy"
          ? meshContradictions(policy as MeshPolicy, all as MeshPolicy[])
          : accessContradictions(policy as AuthorizationPolicy, all as AuthorizationPolicy[]),
      ),
      ...refusal(this.#refused.of(id)),
    ];
    const { generation } = policy.metadata;
    return { conditions: conditionsOf(facts, before?.conditions, generation, { now: this.#now() }) };
  }
}

function acceptance(kind: PolicyKind, policy: Policy, populations: Populations): Fact {
  const { problems, notes } =
    kind === "MeshPolicy"
      ? findingsOfMesh(policy as MeshPolicy)
      : findingsOfAccess(policy as AuthorizationPolicy);
  const missing = populations.missing(policy.metadata.namespace ?? "", labelsOf(policy));
  const nobody = missing.map((pair) => `it is about no pod: none with a sidecar has the label ${pair}`);
  return problems.length === 0
    ? holds("Accepted", "Accepted", listed([...nobody, ...notes]))
    : fails("Accepted", "Invalid", listed(problems));
}

function conflict(found: readonly Contradiction[]): Fact[] {
  if (found.length === 0) return [];
  const texts = found.map(({ field, says, other, otherSays, wins }) =>
    wins
      ? `${field}: ${says} counts, and not what ${other} says for the same pods (${otherSays})`
      : `${field}: ${says} does not count for pods that ${other} is about as well, which says ${otherSays}`,
  );
  return [{ type: "Conflicted", status: "True", reason: "Contradicts", message: listed(texts) }];
}

function refusal(by: ReadonlyMap<string, string>): Fact[] {
  if (by.size === 0) return [];
  const texts = [...by].map(([sidecar, message]) => `the sidecar of ${sidecar} refuses it: ${message}`);
  return [fails("Programmed", "Refused", listed(texts.sort()))];
}

function listed(texts: readonly string[]): string {
  const more = texts.length - MOST;
  return texts.slice(0, MOST).join("; ") + (more > 0 ? `; and ${more} more` : "");
}
