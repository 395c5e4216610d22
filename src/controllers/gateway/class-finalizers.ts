import type { KubeClient, ObjectChange } from "../../client/index.ts";
import { GATEWAY_KINDS, type Gateway, type GatewayClass } from "../../objects/gateway/index.ts";
import { objectKey } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import { WorkQueue } from "../runtime/work-queue.ts";

/** On classes with Gateways. Source: GatewayClassFinalizerGatewaysExist, sigs.k8s.io/gateway-api v1.6.3. */
export const GATEWAYS_EXIST = "gateway-exists-finalizer.gateway.networking.k8s.io";

/** What keeping the finalizers of classes needs. */
export interface ClassFinalizerOptions {
  readonly client: KubeClient;
  /** Whose classes are ours. */
  readonly controllerName: string;
  readonly log?: (line: string) => void;
}

/** Keeps the classes that Gateways use from being removed under them: a deleted class goes with its last Gateway. */
export class ClassFinalizers {
  readonly #options: ClassFinalizerOptions;
  /** The Gateways (`namespace/name`) of each class. */
  readonly #users = new Map<string, Set<string>>();
  readonly #classOf = new Map<string, string>();
  readonly #queue: WorkQueue;

  constructor(options: ClassFinalizerOptions) {
    this.#options = options;
    const onFailure = (name: string, error: unknown): void => {
      if (!(error instanceof ApiError && error.code === 409))
        options.log?.(`finalizer of GatewayClass ${name}: ${(error as Error).message}`);
    };
    this.#queue = new WorkQueue({ name: "gateway-classes", workers: 1, onFailure }, (name) =>
      this.#work(name),
    );
  }

  /** Begins to write, or goes on; to be called when all Gateways that there are have been told of. */
  start(): void {
    this.#queue.start();
  }

  /** Writes nothing until the next start; resolves when no write is under way. */
  pause(): Promise<void> {
    return this.#queue.pause();
  }

  onClass({ object }: ObjectChange<GatewayClass>): void {
    this.#queue.add(object.metadata.name);
  }

  onGateway({ type, object }: ObjectChange<Gateway>): void {
    const key = objectKey(object);
    const after = type === "deleted" ? undefined : object.spec.gatewayClassName;
    const before = this.#classOf.get(key);
    if (before === after) return;
    if (before !== undefined) this.#users.get(before)?.delete(key);
    if (after === undefined) this.#classOf.delete(key);
    else {
      this.#classOf.set(key, after);
      this.#users.set(after, (this.#users.get(after) ?? new Set()).add(key));
    }
    for (const name of [before, after]) if (name !== undefined) this.#look(name);
  }

  /** Resolves when no write is under way; no further one begins. */
  stop(): Promise<void> {
    return this.#queue.stop();
  }

  /** Only the first and the last Gateway of a class are news. */
  #look(name: string): void {
    const count = this.#users.get(name)?.size ?? 0;
    if (count === 0) this.#users.delete(name);
    if (count <= 1) this.#queue.add(name);
  }

  async #work(name: string): Promise<void> {
    const object = await this.#options.client.find<GatewayClass>(GATEWAY_KINDS.GatewayClass, name);
    if (object === undefined || object.spec.controllerName !== this.#options.controllerName) return;
    const { finalizers = [], deletionTimestamp, resourceVersion } = object.metadata;
    const isThere = finalizers.includes(GATEWAYS_EXIST);
    const isWanted = this.#users.has(name);
    // nothing can be added to what is being deleted
    if (isThere === isWanted || (isWanted && deletionTimestamp !== undefined)) return;
    const next = isWanted
      ? [...finalizers, GATEWAYS_EXIST]
      : finalizers.filter((one) => one !== GATEWAYS_EXIST);
    const metadata = { resourceVersion, finalizers: next.length > 0 ? next : null };
    await this.#options.client.patch(
      GATEWAY_KINDS.GatewayClass,
      name,
      undefined,
      { metadata },
      { type: "merge" },
    );
  }
}
