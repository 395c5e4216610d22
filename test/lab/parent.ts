/** A parent of a cluster, run as a process of its own by the lifecycle tests: `parent.ts once|detached [PORT]`. */
import { bringUp } from "../../src/lab/index.ts";
import { shapeOf } from "./cluster.ts";

const [mode, port = "0"] = process.argv.slice(2);
try {
  const shape = { ...shapeOf("life", ["IPv4", "IPv6"], 2), port: Number(port) };
  const cluster = await bringUp({ ...shape, once: mode === "once" });
  // the tests send the signal as soon as they read "ready": the handler is there by then
  if (mode === "once") process.once("SIGTERM", () => void cluster.stop());
  console.log("ready");
  if (mode === "once") await cluster.ended;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
