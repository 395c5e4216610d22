/** One stream of gRPC: who is at its other end, and what it asks for. */
import type { PeerCertificate } from "node:tls";
import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import { familyOfText } from "../../ip/address.ts";
import { TYPE_URLS } from "../resources.ts";
import type { PeerStatus, Receiver } from "./connection.ts";
import type { NodeInfo, Response, SotwRequest } from "./messages.ts";
import type { AdsOptions, Peer } from "./options.ts";
import type { Proxies } from "./proxies.ts";
import type { StreamStatus } from "./status.ts";
import type { Protocol } from "./stream.ts";

/** A stream as gRPC hands it over. */
export type Call<Request> = ServerDuplexStream<Request, Response>;
type RequestOf = { readonly typeUrl: string; readonly node?: NodeInfo };

/** Serves one stream: its first request says which node it is, and so which proxy. */
export function serve<Request extends RequestOf>(
  call: Call<Request>,
  protocolName: StreamStatus["protocol"],
  protocol: Protocol<Request>,
  options: AdsOptions,
  proxies: Proxies,
): void {
  let receiver: Receiver<Request> | undefined;
  let over = false;
  let proxy: string | undefined;
  const fail = (code: status, details: string) => {
    over = true;
    call.emit("error", { code, details });
  };
  const write = (response: Response) => {
    call.write(response);
    return response.resources.reduce((sum, { bytes }) => sum + bytes.length, 0);
  };
  const peer = peerStatus(call, protocolName);
  const take = (request: Request) => {
    if (receiver !== undefined && proxy !== undefined && "names" in request)
      offerStandIns(proxy, request as unknown as SotwRequest, options, proxies);
    receiver?.receive(request);
  };
  call.on("data", (request: Request) => {
    if (over) return;
    const waits = receiver === undefined ? admit(request) : undefined;
    if (waits === undefined) {
      take(request);
      return;
    }
    // nothing more is read before it is known who asks
    call.pause();
    void waits.then(() => {
      take(request);
      call.resume();
    });
  });
  const end = () => {
    over = true;
    receiver?.close();
    receiver = undefined;
  };
  call.on("end", () => {
    end();
    call.end();
  });
  call.on("error", end);
  call.on("cancelled", end);
  call.on("close", end);

  function admit(request: Request): Promise<void> | undefined {
    const { node } = request;
    if (node === undefined) {
      fail(status.INVALID_ARGUMENT, "the first request of a stream must name its node");
      return undefined;
    }
    const address = peer.peer.replace(/:\d+$/, "");
    const from = familyOfText(address) === undefined ? {} : { address };
    const found = options.authorize({ ...identityOf(call), ...from, nodeId: node.id });
    if (found instanceof Promise) return found.then((late) => enter(late, node));
    enter(found, node);
    return undefined;
  }

  function enter(found: string | undefined, node: NodeInfo): void {
    if (over) return;
    if (found === undefined) {
      proxies.counters.denied++;
      fail(status.PERMISSION_DENIED, `node ${JSON.stringify(node.id)} is not one that this client may be`);
      return;
    }
    proxy = found;
    receiver = proxies.connect(found, node, {
      protocol,
      peer,
      write,
      fail: (why) => fail(status.UNAVAILABLE, why),
    });
  }
}

/** A client that speaks the state of the world does not believe that a listener is missing before its own time is up. */
function offerStandIns(
  proxy: string,
  { typeUrl, names }: SotwRequest,
  { standIn }: AdsOptions,
  proxies: Proxies,
): void {
  if (standIn === undefined || typeUrl !== TYPE_URLS.listener) return;
  const lacking = proxies.lacking(proxy, "listener", names);
  const resources = lacking.flatMap((name) => standIn(proxy, name) ?? []);
  if (resources.length > 0)
    proxies.set(
      proxy,
      resources.map((resource) => ({ kind: resource.kind, name: resource.name, resource })),
    );
}

function peerStatus(call: Call<never> | Call<RequestOf>, protocol: StreamStatus["protocol"]): PeerStatus {
  const peer = call.getPeer();
  const family = familyOfText(peer.replace(/:\d+$/, ""));
  return {
    protocol,
    peer: peer === "unknown" ? "unix socket" : peer,
    connectedAt: Date.now(),
    ...(family && { family }),
  };
}

function identityOf(call: {
  getAuthContext(): { sslPeerCertificate?: PeerCertificate };
}): Omit<Peer, "nodeId" | "address"> {
  const certificate = call.getAuthContext().sslPeerCertificate;
  const commonName = certificate?.subject.CN;
  return {
    names: certificate?.subjectaltname?.split(", ") ?? [],
    open: certificate === undefined,
    ...(typeof commonName === "string" && { commonName }),
  };
}
