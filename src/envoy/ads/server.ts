import type { PeerCertificate } from "node:tls";
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  status,
} from "@grpc/grpc-js";
import { UserError } from "../../errors/user-error.ts";
import { familyOfText } from "../../ip/address.ts";
import { type Resource, type ResourceChange, TYPE_URLS } from "../resources.ts";
import type { PeerStatus, Receiver } from "./connection.ts";
import type { Counters } from "./counters.ts";
import { DELTA } from "./delta.ts";
import { isLocal, type ListenAddress, type Listening, listen } from "./listen.ts";
import type { NodeInfo, Response, SotwRequest } from "./messages.ts";
import { createProxies, type Nack, type Proxies } from "./proxies.ts";
import { SOTW } from "./sotw.ts";
import type { StreamStatus } from "./status.ts";
import type { Protocol } from "./stream.ts";
import { decodeDeltaRequest, decodeSotwRequest, encodeDeltaResponse, encodeSotwResponse } from "./wire.ts";

/** Who a client is: what its certificate says (nothing over a unix socket), and the node id that it claims. */
export interface Peer {
  readonly commonName?: string;
  /** Subject alternative names, `URI:spiffe://…`, `DNS:…`. */
  readonly names: readonly string[];
  readonly nodeId: string;
  /** Where it comes from; undefined over a unix socket. */
  readonly address?: string;
  /** It came to an address without TLS: all that is known of it are its address and what it says. */
  readonly open: boolean;
}

/** PEM texts of the server's side of mutual TLS. */
export interface AdsCertificates {
  readonly certificate: string;
  readonly key: string;
  /** Clients must have a certificate of this authority. */
  readonly clientCa: string;
}

/** Where the server listens, and for whom. */
export interface AdsOptions {
  /** Addresses of either family, and unix sockets. Without `tls` only such that this machine alone can reach. */
  readonly listen: readonly ListenAddress[];
  /** For all addresses but unix sockets, whose file's mode guards them. */
  readonly tls?: AdsCertificates;
  /** The proxy whose configuration a client gets; undefined denies it. */
  authorize(peer: Peer): string | undefined;
  /** A listener for a name that a client of the state of the world asks for, and that is not there. */
  standIn?(proxy: string, listener: string): Resource | undefined;
}

/** The xDS management server: what each proxy is to have goes in, and its clients are brought there step by step. */
export interface AdsServer {
  /** Where it listens, with the ports that were taken. */
  readonly addresses: readonly ListenAddress[];
  /** Changes what a proxy is to have. The first call (or `replace`) must hold all: clients are served from then on. */
  set(proxy: string, changes: readonly ResourceChange[]): void;
  /** Says all that a proxy is to have; only differences are sent. */
  replace(proxy: string, resources: readonly Resource[]): void;
  /** Forgets a proxy. Its streams end; clients that come back keep what they have until there is a `set` again. */
  remove(proxy: string): void;
  /**
   * Resolves when every connected client of the proxy has answered all that was set before; at once where none is
   * connected. A refusal counts as an answer: `onNack` tells of it first.
   */
  applied(proxy: string): Promise<void>;
  /** The clients connected now. */
  status(proxy: string): readonly StreamStatus[];
  /** The proxies that have a configuration or a client. */
  proxies(): string[];
  /** Calls back for every resource that a client refuses; the result stops that. */
  onNack(listener: (nack: Nack) => void): () => void;
  /** Shows new connections another certificate, and asks them for one of another authority; others stay. */
  setCertificates(tls: AdsCertificates): void;
  readonly counters: Counters;
  close(): Promise<void>;
}

const SERVICE = "/envoy.service.discovery.v3.AggregatedDiscoveryService";
const MAX_REQUEST_BYTES = 64 << 20;
const KEEPALIVE_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;

const METHODS: ServiceDefinition = {
  DeltaAggregatedResources: method("DeltaAggregatedResources", decodeDeltaRequest, encodeDeltaResponse),
  StreamAggregatedResources: method("StreamAggregatedResources", decodeSotwRequest, encodeSotwResponse),
};

function method<Request>(
  name: string,
  decode: (bytes: Buffer) => Request,
  encode: (response: Response) => Buffer,
) {
  const never = () => {
    throw new Error("this side only serves");
  };
  return {
    path: `${SERVICE}/${name}`,
    requestStream: true,
    responseStream: true,
    requestSerialize: never,
    requestDeserialize: decode,
    responseSerialize: encode,
    responseDeserialize: never,
  };
}

/** Starts the server. @throws UserError where an address cannot be listened on, or would be open to all */
export async function startAdsServer(options: AdsOptions): Promise<AdsServer> {
  const isOpen = (address: ListenAddress) =>
    options.tls === undefined && !("open" in address && address.open);
  const open = options.listen.find((address) => isOpen(address) && !isLocal(address));
  if (open !== undefined) throw unguarded(open);
  const proxies = createProxies();
  const grpc = new Server({
    "grpc.max_receive_message_length": MAX_REQUEST_BYTES,
    "grpc.max_send_message_length": -1,
    "grpc.keepalive_time_ms": KEEPALIVE_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
  });
  grpc.addService(METHODS, {
    DeltaAggregatedResources: (call: Call<Parameters<typeof DELTA.receive>[1]>) =>
      serve(call, "delta", DELTA, options, proxies),
    StreamAggregatedResources: (call: Call<Parameters<typeof SOTW.receive>[1]>) =>
      serve(call, "sotw", SOTW, options, proxies),
  });
  const injectors = createInjectors(options, grpc);
  const listening = await listenOnAll(options, grpc, injectors);
  return {
    addresses: listening.map(({ address }) => address),
    set: proxies.set,
    replace: proxies.replace,
    remove: proxies.remove,
    applied: proxies.applied,
    status: proxies.status,
    proxies: proxies.keys,
    onNack: proxies.onNack,
    setCertificates: (tls) => {
      injectors.secure = grpc.createConnectionInjector(credentialsOf(tls));
    },
    counters: proxies.counters,
    close: async () => {
      proxies.close();
      grpc.forceShutdown();
      await Promise.all(listening.map((one) => one.close()));
    },
  };
}

/** What connections are handed to; that of TLS is another one after a change of certificates. */
interface Injectors {
  readonly plain: ConnectionInjector;
  secure: ConnectionInjector | undefined;
}

type ConnectionInjector = ReturnType<Server["createConnectionInjector"]>;

function createInjectors({ tls }: AdsOptions, grpc: Server): Injectors {
  return {
    plain: grpc.createConnectionInjector(ServerCredentials.createInsecure()),
    secure: tls && grpc.createConnectionInjector(credentialsOf(tls)),
  };
}

async function listenOnAll(options: AdsOptions, grpc: Server, injectors: Injectors): Promise<Listening[]> {
  const listening: Listening[] = [];
  try {
    for (const address of options.listen) {
      const isPlain = "path" in address || address.open === true;
      const injector = () => (isPlain ? injectors.plain : (injectors.secure ?? injectors.plain));
      listening.push(await listen(address, (socket) => injector().injectConnection(socket)));
    }
  } catch (error) {
    grpc.forceShutdown();
    await Promise.all(listening.map((one) => one.close()));
    throw error;
  }
  return listening;
}

function credentialsOf(tls: AdsCertificates): ServerCredentials {
  const pair = { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.certificate) };
  return ServerCredentials.createSsl(Buffer.from(tls.clientCa), [pair], true);
}

type Call<Request> = ServerDuplexStream<Request, Response>;
type RequestOf = { readonly typeUrl: string; readonly node?: NodeInfo };

/** Serves one stream: its first request says which node it is, and so which proxy. */
function serve<Request extends RequestOf>(
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
  call.on("data", (request: Request) => {
    if (over) return;
    receiver ??= admit(request);
    if (receiver !== undefined && proxy !== undefined && "names" in request)
      offerStandIns(proxy, request as unknown as SotwRequest, options, proxies);
    receiver?.receive(request);
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

  function admit(request: Request): Receiver<Request> | undefined {
    const { node } = request;
    if (node === undefined) {
      fail(status.INVALID_ARGUMENT, "the first request of a stream must name its node");
      return undefined;
    }
    const address = peer.peer.replace(/:\d+$/, "");
    const from = familyOfText(address) === undefined ? {} : { address };
    proxy = options.authorize({ ...identityOf(call), ...from, nodeId: node.id });
    if (proxy === undefined) {
      proxies.counters.denied++;
      fail(status.PERMISSION_DENIED, `node ${JSON.stringify(node.id)} is not one that this client may be`);
      return undefined;
    }
    return proxies.connect(proxy, node, {
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

function unguarded(address: ListenAddress): UserError {
  return new UserError({
    what: "cannot serve xDS",
    where: "host" in address ? `${address.host}, port ${address.port}` : address.path,
    why: "configuration holds private keys, and without certificates anyone could ask for it there",
    next: "give certificates, or listen on a loopback address or a unix socket",
  });
}
