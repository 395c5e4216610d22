/** What the files of this folder are given: a client of the SDK with its module, and how each request is made. */
import type { EC2 } from "@aws-sdk/client-ec2";
import type { ElasticLoadBalancingV2, Tag } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Tags } from "../model.ts";

/** Given to each request. */
export interface HttpHandlerOptions {
  readonly abortSignal: AbortSignal;
}

/** The client of Elastic Load Balancing v2, and its module (loaded late, so that nothing may import it). */
export interface Elb {
  readonly sdk: typeof import("@aws-sdk/client-elastic-load-balancing-v2");
  readonly client: ElasticLoadBalancingV2;
  readonly how: HttpHandlerOptions;
}

/** The client of EC2, and its module. */
export interface Ec2 {
  readonly sdk: typeof import("@aws-sdk/client-ec2");
  readonly client: EC2;
  readonly how: HttpHandlerOptions;
}

/** The parts of a list that one request takes. */
export function chunks<T>(items: readonly T[], size: number): T[][] {
  const result: T[][] = [];
  for (let at = 0; at < items.length; at += size) result.push(items.slice(at, at + size));
  return result;
}

/** All items of all pages. */
export async function allOf<P, T>(
  pages: AsyncIterable<P>,
  items: (page: P) => T[] | undefined,
): Promise<T[]> {
  const result: T[] = [];
  for await (const page of pages) result.push(...(items(page) ?? []));
  return result;
}

/** Tags as the SDK takes them. */
export function tagList(tags: Tags): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([key, value]) => ({ Key: key, Value: value }));
}

/** Tags as the SDK gives them; the SDKs of EC2 and ELB differ in whether a key may lack. */
export function tagRecord(tags: readonly (Tag | { Key?: string; Value?: string })[] | undefined): Tags {
  return Object.fromEntries((tags ?? []).map((tag) => [tag.Key ?? "", tag.Value ?? ""]));
}

/** Attributes as the SDK gives them, by key. */
export function attributeRecord(
  attributes: readonly { Key?: string; Value?: string }[] | undefined,
): Record<string, string> {
  return Object.fromEntries((attributes ?? []).map((it) => [it.Key ?? "", it.Value ?? ""]));
}
