/** Where the mesh of a lab is. Kept apart, so that whoever only says so loads nothing of it. */
import { joinHostPort } from "../../ip/address.ts";
import type { LabConfig } from "../../lab/config.ts";
import { WEBHOOK_PORT } from "../mesh/ports.ts";

/** The addresses that the parts of a lab are reached at, the preferred family's first. */
export function fabricAddresses({ plan }: LabConfig): string[] {
  return plan.families.map((family) => plan.fabric[family] as string);
}

/** Where a lab's API server asks about pods. */
export function labWebhook(config: LabConfig): { readonly url: string } {
  return { url: `https://${joinHostPort(fabricAddresses(config)[0] ?? "", WEBHOOK_PORT)}` };
}
