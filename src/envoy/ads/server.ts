import { Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import { UserError } from "../../errors/user-error.ts";
import type { Resource, ResourceChange } from "../resources.ts";
import type { Counters } from "./counters.ts";
import { DELTA } from "./delta.ts";
import { isLocal, type ListenAddress, type Listening, listen } from "./listen.ts";
import type { Response } from "./messages.ts";
import type { AdsCertificates, AdsOptions } from "./options.ts";
import { createProxies, type Nack } from "./proxies.ts";
import { type Call, serve } from "./serve.ts";
import { SOTW } from "./sotw.ts";
import type { StreamStatus } from "./status.ts";
import { decodeDeltaRequest, decodeSotwRequest, encodeDeltaResponse, encodeSotwResponse } from "./wire.ts";

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

function unguarded(address: ListenAddress): UserError {
  return new UserError({
    what: "cannot serve xDS",
    where: "host" in address ? `${address.host}, port ${address.port}` : address.path,
    why: "configuration holds private keys, and without certificates anyone could ask for it there",
    next: "give certificates, or listen on a loopback address or a unix socket",
  });
}
