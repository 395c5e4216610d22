/** A sidecar, as those who call its pod see it. */
import type { Peer, Sidecar } from "./model.ts";
import type { Modes } from "./turnover.ts";

/** What others need to know of a sidecar, by what they speak to it. */
export function peerOf({ identity, uncapturedPorts }: Sidecar, { mutualTls, portMutualTls }: Modes): Peer {
  const all = mutualTls === "disabled";
  const others = Object.entries(portMutualTls)
    .filter(([, mode]) => (mode === "disabled") !== all)
    .map(([port]) => Number(port));
  return {
    identity,
    ...(all ? { plainPorts: "all" } : others.length > 0 && { plainPorts: others }),
    ...(all && others.length > 0 && { mutualPorts: others }),
    ...(uncapturedPorts && { uncapturedPorts }),
  };
}
