/** How the bytes of a port are understood, from what its Service or container says. */
import type { Destination } from "../gateway/model.ts";
import type { MeshProtocol } from "./model.ts";

/** `appProtocol` values and prefixes of port names (as Istio's `pkg/config/protocol` knows them), in lower case. */
const PROTOCOLS: Readonly<Record<string, MeshProtocol>> = {
  http: "http",
  "grpc-web": "http",
  "kubernetes.io/ws": "http",
  http2: "http2",
  h2c: "http2",
  "kubernetes.io/h2c": "http2",
  grpc: "grpc",
  https: "tls",
  tls: "tls",
  "kubernetes.io/wss": "tls",
  tcp: "tcp",
  mongo: "tcp",
  mysql: "tcp",
  redis: "tcp",
};

/** Ports whose servers speak first, so that nobody can look at what a client says: SMTP, DNS, MySQL, MongoDB. */
const SERVER_FIRST = new Set([25, 53, 3306, 27017]);

/** What is known of a port. */
export interface PortFacts {
  readonly name?: string | undefined;
  readonly appProtocol?: string | undefined;
  readonly port: number;
}

/** The protocol: `appProtocol` says, or the name (`grpc`, `http2-web`, `tcp-9000`); else bytes are looked at. */
export function protocolOf({ name = "", appProtocol = "", port }: PortFacts): MeshProtocol {
  const said = PROTOCOLS[appProtocol.toLowerCase()];
  if (said !== undefined) return said;
  const lower = name.toLowerCase();
  const named = lower.startsWith("grpc-web") ? "http" : PROTOCOLS[lower.split("-")[0] ?? ""];
  return named ?? (SERVER_FIRST.has(port) ? "tcp" : "auto");
}

/** What a destination of such a port is spoken to with, where nobody says else; of `auto` bytes pass as they came. */
export function destinationProtocol(protocol: MeshProtocol): Destination["protocol"] {
  if (protocol === "http") return "http1";
  return protocol === "http2" || protocol === "grpc" ? "http2" : "stream";
}
