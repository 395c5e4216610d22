/**
 * Light stand-ins for sidecars (ads-client.ts) in a process of their own. Usage: ads-clients.ts SOCKET; each line of the
 * standard input is the node of one more client.
 */
import { credentials } from "@grpc/grpc-js";
import { createInterface } from "node:readline";
import { startAdsClient } from "./ads-client.ts";

const [socket = ""] = process.argv.slice(2);
createInterface({ input: process.stdin })
  .on("line", (node) =>
    startAdsClient({ address: `unix:${socket}`, credentials: credentials.createInsecure(), node }),
  )
  .on("close", () => process.exit());
