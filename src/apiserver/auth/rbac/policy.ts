import { KINDS, type Kind } from "../../../objects/kinds.ts";
import type { PolicyRule, Role, RoleBinding, RoleRef, Subject } from "../../../objects/rbac/types.ts";
import type { Stop, Store } from "../../../store/contract.ts";
import { prefixOf } from "../../registry/keys.ts";
import { accountUserName, type User } from "../user.ts";

/** A binding as it is looked up. `namespace` is "" for a ClusterRoleBinding. */
export interface Binding {
  readonly name: string;
  readonly namespace: string;
  readonly roleRef: RoleRef;
  readonly subjects: readonly Subject[];
}

type BySubject = Map<string, Set<Binding>>;

/**
 * Roles and bindings as they are stored now, found by subject: what one user may do is found without looking at anybody
 * else's bindings. Kept up to date by watching the store, which tells of a write before its writer hears of it.
 */
export class Policy {
  readonly #roles = new Map<string, readonly PolicyRule[]>();
  readonly #byKey = new Map<string, Binding>();
  readonly #byNamespace = new Map<string, BySubject>();
  readonly #stops: Stop[] = [];

  constructor(store: Store<string>) {
    for (const kind of [KINDS.Role, KINDS.ClusterRole]) {
      this.#follow(store, kind, (key, text) => this.#setRole(key, text));
    }
    for (const kind of [KINDS.RoleBinding, KINDS.ClusterRoleBinding]) {
      this.#follow(store, kind, (key, text) => this.#setBinding(key, text));
    }
  }

  /** The rules of a binding's role; undefined when there is no such role. */
  rulesOf({ kind, name }: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    if (kind === "ClusterRole") return this.#roles.get(`${prefixOf(KINDS.ClusterRole)}${name}`);
    return this.#roles.get(`${prefixOf(KINDS.Role, namespace)}${name}`);
  }

  /** The bindings that speak of a user: those of the cluster, then those of the namespace, if one is given. */
  bindingsOf(user: User, namespace: string): ReadonlySet<Binding> {
    const found = new Set<Binding>();
    this.#collect(user, "", found);
    if (namespace !== "") this.#collect(user, namespace, found);
    return found;
  }

  /** Stops following the store. */
  close(): void {
    for (const stop of this.#stops) stop();
  }

  #collect(user: User, namespace: string, into: Set<Binding>): void {
    const bySubject = this.#byNamespace.get(namespace);
    if (bySubject === undefined) return;
    for (const binding of bySubject.get(userKey(user.name)) ?? []) into.add(binding);
    for (const group of user.groups) {
      for (const binding of bySubject.get(groupKey(group)) ?? []) into.add(binding);
    }
  }

  #follow(store: Store<string>, kind: Kind, set: (key: string, text: string | undefined) => void): void {
    const prefix = prefixOf(kind);
    const { entries, revision } = store.range(prefix);
    for (const { key, value } of entries) set(key, value);
    const stop = store.watch(prefix, revision, {
      onChanges: (changes) => {
        for (const change of changes) set(change.key, change.type === "put" ? change.value : undefined);
      },
    });
    this.#stops.push(stop);
  }

  #setRole(key: string, text: string | undefined): void {
    if (text === undefined) this.#roles.delete(key);
    else this.#roles.set(key, (JSON.parse(text) as Role).rules ?? []);
  }

  #setBinding(key: string, text: string | undefined): void {
    const old = this.#byKey.get(key);
    if (old !== undefined) this.#unlink(old);
    if (text === undefined) {
      this.#byKey.delete(key);
      return;
    }
    const { metadata, roleRef, subjects = [] } = JSON.parse(text) as RoleBinding;
    const binding = { name: metadata.name, namespace: metadata.namespace ?? "", roleRef, subjects };
    this.#byKey.set(key, binding);
    this.#link(binding);
  }

  #link(binding: Binding): void {
    const { namespace, subjects } = binding;
    const bySubject: BySubject = this.#byNamespace.get(namespace) ?? new Map();
    this.#byNamespace.set(namespace, bySubject);
    for (const subject of subjects) {
      const key = subjectKey(subject, namespace);
      if (key === undefined) continue;
      const bindings = bySubject.get(key);
      if (bindings === undefined) bySubject.set(key, new Set([binding]));
      else bindings.add(binding);
    }
  }

  #unlink(binding: Binding): void {
    const { namespace, subjects } = binding;
    const bySubject = this.#byNamespace.get(namespace);
    for (const subject of subjects) {
      const key = subjectKey(subject, namespace) ?? "";
      const bindings = bySubject?.get(key);
      if (bindings?.delete(binding) && bindings.size === 0) bySubject?.delete(key);
    }
    if (bySubject?.size === 0) this.#byNamespace.delete(namespace);
  }
}

/** The first subject of a binding that a user is (what reasons name). */
export function subjectOf(binding: Binding, user: User): Subject | undefined {
  const keys = new Set([userKey(user.name), ...user.groups.map(groupKey)]);
  return binding.subjects.find((subject) => keys.has(subjectKey(subject, binding.namespace) ?? ""));
}

function userKey(name: string): string {
  return `user ${name}`;
}

function groupKey(name: string): string {
  return `group ${name}`;
}

/** A ServiceAccount is looked up as the user that it is; one without a namespace belongs to the binding's. */
function subjectKey({ kind, name, namespace = "" }: Subject, bindingNamespace: string): string | undefined {
  if (kind === "User") return userKey(name);
  if (kind === "Group") return groupKey(name);
  const home = namespace === "" ? bindingNamespace : namespace;
  return kind === "ServiceAccount" && home !== "" ? userKey(accountUserName(home, name)) : undefined;
}
