/** How a backend is spoken to: from the kind of route and the port's `appProtocol` (GEP-1911). */
import type { Destination } from "../model.ts";
import type { Problem } from "./context.ts";

/** What a route has to say to its backends. */
export type Speak = "http" | "grpc" | "stream" | "udp";

interface Entry {
  readonly http?: Destination["protocol"];
  readonly grpc?: Destination["protocol"];
  /** Only over TLS, for which somebody has to say whom to trust. */
  readonly tls?: boolean;
}

/** Values that mean something; all others are taken as if nothing was said. Compared in lower case. */
const PROTOCOLS: Readonly<Record<string, Entry>> = {
  http: { http: "http1", grpc: "http2" },
  https: { http: "http1", grpc: "http2", tls: true },
  http2: { http: "http2", grpc: "http2" },
  grpc: { http: "http2", grpc: "http2" },
  h2c: { http: "http2", grpc: "http2" },
  "kubernetes.io/h2c": { http: "http2", grpc: "http2" },
  "kubernetes.io/ws": { http: "http1" },
  "kubernetes.io/wss": { http: "http1", tls: true },
};

/**
 * The protocol for a backend, or why there is none. `what` names the backend in messages. Without TLS a backend that
 * wants it is refused: a plaintext request would leak what was meant to be encrypted.
 */
export function protocolFor(
  speak: Speak,
  appProtocol: string | undefined,
  hasTls: boolean,
  what: string,
): Destination["protocol"] | Problem {
  if (speak === "stream" || speak === "udp") return speak;
  const fallback = speak === "grpc" ? "http2" : "http1";
  if (appProtocol === undefined || appProtocol === "") return fallback;
  const entry = PROTOCOLS[appProtocol.toLowerCase()];
  if (entry === undefined)
    return appProtocol.startsWith("kubernetes.io/")
      ? unsupported(`${what}: appProtocol ${appProtocol} is not known`)
      : fallback;
  const protocol = entry[speak];
  if (protocol === undefined) return unsupported(`${what}: appProtocol ${appProtocol} cannot carry gRPC`);
  if (entry.tls && !hasTls)
    return unsupported(
      `${what}: appProtocol ${appProtocol} needs TLS; make a BackendTLSPolicy for the Service`,
    );
  return protocol;
}

function unsupported(message: string): Problem {
  return { reason: "UnsupportedProtocol", message };
}
