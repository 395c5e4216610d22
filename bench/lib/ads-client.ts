/**
 * A light stand-in for a sidecar: opens a delta ADS stream, asks for what an Envoy asks for, and acknowledges everything
 * at once without looking at it.
 */
import { type ChannelCredentials, Client } from "@grpc/grpc-js";
import { eachBytesField } from "../../src/envoy/proto/fields.ts";
import { encode, type JsonObject } from "../../src/envoy/proto/index.ts";
import { TYPE_URLS } from "../../src/envoy/resources.ts";

const REQUEST = "envoy.service.discovery.v3.DeltaDiscoveryRequest";

/** What a client is told of a response. */
export interface Seen {
  readonly names: readonly string[];
  readonly nonce: string;
  readonly typeUrl: string;
  readonly bytes: Buffer;
}

/** Which server a client asks, and as whom. */
export interface AdsTarget {
  /** As gRPC names targets: `unix:PATH`, `ipv6:[::1]:18010`. */
  readonly address: string;
  readonly credentials: ChannelCredentials;
  readonly node: string;
  readonly options?: Readonly<Record<string, string | number>>;
}

/** Starts a client; `onAnswered` is called after each response has been acknowledged. */
export function startAdsClient(target: AdsTarget, onAnswered: (seen: Seen) => void = () => {}): Client {
  const client = new Client(target.address, target.credentials, {
    "grpc.max_receive_message_length": -1,
    ...target.options,
  });
  const stream = client.makeBidiStreamRequest(
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
    (json: JsonObject) => Buffer.from(encode(REQUEST, json)),
    look,
  );
  stream.on("error", () => {});
  stream.write({
    node: { id: target.node },
    type_url: TYPE_URLS.cluster,
    resource_names_subscribe: ["*"],
  });
  stream.write({ type_url: TYPE_URLS.listener, resource_names_subscribe: ["*"] });
  const known = new Set<string>();
  const subscribe = (typeUrl: string, names: readonly string[]) => {
    const fresh = names.filter((name) => !known.has(name));
    for (const name of fresh) known.add(name);
    if (fresh.length > 0) stream.write({ type_url: typeUrl, resource_names_subscribe: fresh });
  };
  stream.on("data", (seen: Seen) => {
    const { names, nonce, typeUrl } = seen;
    stream.write({ type_url: typeUrl, response_nonce: nonce });
    if (typeUrl === TYPE_URLS.cluster) {
      subscribe(TYPE_URLS.secret, ["workload", "ca"]);
      subscribe(
        TYPE_URLS.endpoint,
        names.filter((name) => name.startsWith("outbound|")),
      );
    }
    if (typeUrl === TYPE_URLS.listener) subscribe(TYPE_URLS.route, names.flatMap(tableOf));
    onAnswered(seen);
  });
  return client;
}

function tableOf(listener: string): readonly string[] {
  return /^0\.0\.0\.0_(\d+)$/.exec(listener)?.slice(1) ?? [];
}

/** Reads the names, the nonce and the kind of a DeltaDiscoveryResponse, and nothing else of it. */
function look(bytes: Buffer): Seen {
  const names: string[] = [];
  let nonce = "";
  let typeUrl = "";
  eachBytesField(bytes, (field, value) => {
    if (field === 5) nonce = value.toString();
    else if (field === 4) typeUrl = value.toString();
    else if (field === 2)
      eachBytesField(value, (inner, text) => {
        if (inner === 3) names.push(text.toString());
      });
  });
  return { names, nonce, typeUrl, bytes };
}
