import { reconcileServiceCidr, repairAddresses } from "../../allocation/index.ts";
import { KINDS, objectKey } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { IPAddress, Service, ServiceCIDR } from "../../objects/types.ts";
import { formatTime } from "../../objects/time.ts";
import type { ControllerContext } from "../runtime/context.ts";
import { sameValue } from "../runtime/equal.ts";

const REPAIR_PERIOD = 60_000;

/**
 * Keeps finalizer and condition of every ServiceCIDR: ready while it lives, held while addresses depend on
 * it.
 */
export function runServiceCidrs(context: ControllerContext): void {
  const { informers, writer } = context;
  const cidrs = informers.of<ServiceCIDR>(KINDS.ServiceCIDR);
  const addresses = informers.of<IPAddress>(KINDS.IPAddress);

  const queue = context.queue({ name: "service-cidr", workers: 1 }, async (key) => {
    const object = cidrs.get(key);
    if (object === undefined) return;
    const next = reconcileServiceCidr(object, cidrs.list(), addresses.list(), formatTime(new Date()));
    if (next === undefined) return;
    let current = object;
    if (!sameValue(next.status, object.status)) {
      current = await writer.update(
        KINDS.ServiceCIDR,
        { ...object, status: next.status as never },
        { subresource: "status" },
      );
    }
    if (sameValue(next.metadata.finalizers, object.metadata.finalizers)) return;
    const metadata = { ...current.metadata, finalizers: next.metadata.finalizers ?? [] };
    await writer.update(KINDS.ServiceCIDR, { ...current, metadata });
  });

  const addDying = (): void => {
    for (const cidr of cidrs.list()) if (cidr.metadata.deletionTimestamp) queue.add(objectKey(cidr));
  };
  cidrs.onChange(({ object }) => {
    queue.add(objectKey(object));
    addDying();
  });
  addresses.onChange(({ type }) => {
    if (type === "deleted") addDying();
  });
}

/**
 * Compares Services with the addresses held for them once a minute, and makes good what somebody changed by
 * hand.
 */
export function runAddressRepair(context: ControllerContext): void {
  const { informers, writer, events } = context;
  const services = informers.of<Service>(KINDS.Service);
  const addresses = informers.of<IPAddress>(KINDS.IPAddress);

  const queue = context.queue({ name: "address-repair", workers: 1 }, async () => {
    const { create, remove } = repairAddresses(services.list(), addresses.list(), Date.now());
    for (const address of create) await recreate(address);
    for (const name of remove) {
      const address = addresses.get(name);
      if (address === undefined) continue;
      const text = `IPAddress: ${name} for Service ${ownerOf(address)} appears to have leaked: cleaning up`;
      events.record("ipallocator-repair-controller", address, "Warning", "IPAddressNotAllocated", text);
      await writer.delete(KINDS.IPAddress, address);
    }
  });

  async function recreate(address: IPAddress): Promise<void> {
    const owner = ownerOf(address);
    const service = services.get(owner);
    try {
      await writer.create<IPAddress>(KINDS.IPAddress, address);
    } catch (error) {
      // The cache of addresses may lag behind the one of Services.
      if (error instanceof ApiError && error.status.reason === "AlreadyExists") return;
      throw error;
    }
    if (service === undefined) return;
    const text = `Cluster IP ${address.metadata.name} is not allocated; repairing`;
    events.record("ipallocator-repair-controller", service, "Warning", "ClusterIPNotAllocated", text);
  }

  addresses.onChange(({ type }) => {
    if (type === "deleted") queue.addAfter("all", 1000);
  });
  context.every(REPAIR_PERIOD, () => queue.add("all"));
}

function ownerOf({ spec }: IPAddress): string {
  return `${spec.parentRef.namespace}/${spec.parentRef.name}`;
}
