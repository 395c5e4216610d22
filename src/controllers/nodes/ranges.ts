import { DEFAULT_NODE_PREFIX, NodeRanges } from "../../allocation/index.ts";
import { type Cidr, parseCidr } from "../../ip/cidr.ts";
import { KINDS, objectKey } from "../../objects/kinds.ts";
import type { Node } from "../../objects/types.ts";
import type { ControllerContext, ControllerOptions } from "../runtime/context.ts";
import { badInputFor } from "../../errors/bad-input.ts";

const badRange = badInputFor("cannot run the controllers");

const SOURCE = "cidrAllocator";

/**
 * Gives each node a pod range per family of the cluster (pkg/controller/nodeipam/ipam/range_allocator.go):
 * written once and never changed, reported as event CIDRNotAvailable when there is none left.
 * @throws UserError for ranges that are none or do not fit
 */
export function runNodeRanges(context: ControllerContext): void {
  const ranges = nodeRangesOf(context.options);
  if (ranges === undefined) return;
  const { informers, writer, events } = context;
  const nodes = informers.of<Node>(KINDS.Node);
  /** Ranges that are on their way to a node; kept when the write fails, so that the retry writes the same. */
  const given = new Map<string, readonly string[]>();

  const queue = context.queue({ name: "node-ranges" }, async (key) => {
    const node = nodes.get(key);
    if (node === undefined || node.spec.podCIDR || node.metadata.deletionTimestamp) return;
    const podCIDRs = given.get(key) ?? allocate(node);
    given.set(key, podCIDRs);
    await writer.patch(KINDS.Node, node, {
      metadata: { uid: node.metadata.uid },
      spec: { podCIDR: podCIDRs[0], podCIDRs },
    });
  });

  function allocate(node: Node): readonly string[] {
    try {
      return (ranges as NodeRanges).allocate();
    } catch (error) {
      events.record(
        SOURCE,
        node,
        "Normal",
        "CIDRNotAvailable",
        `Node ${node.metadata.name} status is now: CIDRNotAvailable`,
      );
      throw error;
    }
  }

  function occupy(node: Node): void {
    if (given.has(objectKey(node))) return;
    const podCIDRs = node.spec.podCIDRs ?? [];
    try {
      (ranges as NodeRanges).occupy({ name: node.metadata.name, podCIDRs });
      given.set(objectKey(node), podCIDRs);
    } catch (error) {
      context.options.log?.(`node-ranges ${node.metadata.name}: ${(error as Error).message}`);
    }
  }

  nodes.onChange(({ type, object }) => {
    const key = objectKey(object);
    if (type !== "deleted") {
      if (object.spec.podCIDR) occupy(object);
      else queue.add(key);
      return;
    }
    const podCIDRs = given.get(key);
    given.delete(key);
    if (podCIDRs !== undefined) (ranges as NodeRanges).release({ name: object.metadata.name, podCIDRs });
  });
}

function nodeRangesOf(options: ControllerOptions): NodeRanges | undefined {
  const clusterCidrs = parseAll("--cluster-cidr", options.clusterCidrs ?? []);
  if (clusterCidrs.length === 0) return undefined;
  const prefixes = { IPv4: options.nodeMaskSizeIPv4, IPv6: options.nodeMaskSizeIPv6 };
  const nodePrefixes = clusterCidrs.map(({ family }) => prefixes[family] ?? DEFAULT_NODE_PREFIX[family]);
  const serviceCidrs = parseAll("--service-cluster-ip-range", options.serviceCidrs ?? []);
  try {
    return new NodeRanges({ clusterCidrs, nodePrefixes, serviceCidrs });
  } catch (error) {
    throw badRange(
      "--cluster-cidr",
      (error as Error).message,
      "choose a wider range or a longer node mask",
      error,
    );
  }
}

function parseAll(flag: string, texts: readonly string[]): Cidr[] {
  return texts.map((text) => {
    const cidr = parseCidr(text);
    if (cidr !== undefined) return cidr;
    throw badRange(`${flag}=${texts.join(",")}`, `"${text}" is not a CIDR`, "for example 10.244.0.0/16");
  });
}
