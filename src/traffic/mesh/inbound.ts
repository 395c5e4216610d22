/** Which ports of a pod Services send traffic to. */
import type { Frontend } from "../model.ts";
import type { InboundPort } from "./model.ts";
import { protocolOf } from "./protocol.ts";
import { createSharer } from "../sharer.ts";
import { equal } from "../gateway/equality.ts";

/** Ports of pods by the Services that lead to them. */
export class InboundPorts {
  /** By pod, then by Service. */
  readonly #pods = new Map<string, Map<string, readonly InboundPort[]>>();
  readonly #shared = createSharer();
  readonly #podsOf = new Map<string, readonly string[]>();

  /** Replaces what a Service leads to; the result are the pods for which that is something else. */
  set(service: string, frontend: Frontend | undefined): readonly string[] {
    const next = frontend === undefined ? new Map<string, InboundPort[]>() : portsByPod(frontend);
    const changed: string[] = [];
    for (const pod of this.#podsOf.get(service) ?? [])
      if (!next.has(pod)) {
        this.#drop(pod, service);
        changed.push(pod);
      }
    for (const [pod, ports] of next) if (this.#put(pod, service, ports)) changed.push(pod);
    if (next.size === 0) this.#podsOf.delete(service);
    else this.#podsOf.set(service, [...next.keys()]);
    return changed;
  }

  /** The ports of a pod by number, those of its containers included; a Service's word counts before a container's. */
  of(pod: string, own: readonly InboundPort[]): readonly InboundPort[] {
    const services = [...(this.#pods.get(pod) ?? [])].sort(([one], [other]) => (one < other ? -1 : 1));
    const found = new Map<number, InboundPort>();
    for (const port of [...services.flatMap(([, ports]) => ports), ...own]) {
      const before = found.get(port.port);
      if (before === undefined || before.protocol === "auto") found.set(port.port, port);
    }
    return this.#shared([...found.values()].sort((one, other) => one.port - other.port));
  }

  #put(pod: string, service: string, ports: readonly InboundPort[]): boolean {
    let services = this.#pods.get(pod);
    if (services === undefined) {
      services = new Map();
      this.#pods.set(pod, services);
    }
    if (equal(services.get(service), ports)) return false;
    services.set(service, this.#shared(ports));
    return true;
  }

  #drop(pod: string, service: string): void {
    const services = this.#pods.get(pod);
    services?.delete(service);
    if (services?.size === 0) this.#pods.delete(pod);
  }
}

function portsByPod({ ports }: Frontend): Map<string, InboundPort[]> {
  const pods = new Map<string, InboundPort[]>();
  for (const { name, appProtocol, port, protocol: transport, backends } of ports) {
    if (transport !== "TCP") continue;
    const protocol = protocolOf({ name, appProtocol, port });
    for (const { backend, port: target } of backends) {
      if (backend.pod === undefined) continue;
      const pod = `${backend.pod.namespace}/${backend.pod.name}`;
      const list = pods.get(pod) ?? [];
      if (!list.some((one) => one.port === target)) list.push({ port: target, protocol });
      pods.set(pod, list);
    }
  }
  return pods;
}
