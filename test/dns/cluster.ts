/** A small cluster for tests, and a client that asks over UDP and TCP. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createConnection, isIPv6 } from "node:net";
import { decodeMessage } from "../../src/dns/codec/decode.ts";
import { encodeMessage } from "../../src/dns/codec/encode.ts";
import { EMPTY_MESSAGE, type Message, TYPE } from "../../src/dns/codec/message.ts";
import { FrameReader, frame } from "../../src/dns/tcp-frames.ts";
import type { EndpointSlice, Service, ServiceSpec } from "../../src/objects/types.ts";
import { createTrafficModel, type TrafficModel } from "../../src/traffic/index.ts";

/** A Service of namespace default. */
export function service(name: string, spec: ServiceSpec): Service {
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace: "default" }, spec };
}

/** An EndpointSlice of a Service of namespace default. */
export function slice(
  name: string,
  of: string,
  addresses: readonly string[],
  ports: EndpointSlice["ports"] = [],
): EndpointSlice {
  const addressType = addresses[0]?.includes(":") ? "IPv6" : "IPv4";
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, namespace: "default", labels: { "kubernetes.io/service-name": of } },
    addressType,
    endpoints: addresses.map((address) => ({ addresses: [address] })),
    ports,
  };
}

/** A model with the namespace `default` and these objects. */
export function modelOf(...objects: (Service | EndpointSlice)[]): TrafficModel {
  const model = createTrafficModel();
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } };
  model.onNamespace({ type: "added", object: namespace });
  for (const object of objects) put(model, object);
  return model;
}

/** Puts an object into a model. */
export function put(model: TrafficModel, object: Service | EndpointSlice): void {
  if (object.kind === "Service") model.onService({ type: "added", object: object as Service });
  else model.onSlice({ type: "added", object: object as EndpointSlice });
}

/** A query as a resolver sends it. */
export function query(name: string, type: keyof typeof TYPE, more: Partial<Message> = {}): Message {
  return {
    ...EMPTY_MESSAGE,
    id: 4711,
    recursionDesired: true,
    questions: [{ name: `${name}.`, type: TYPE[type], class: 1 }],
    ...more,
  };
}

interface Place {
  readonly address: string;
  readonly port: number;
}

/** Sends bytes over UDP and gives the first datagram that comes back. */
export async function askUdpRaw(bytes: Uint8Array, { address, port }: Place): Promise<Buffer> {
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  try {
    const reply = once(socket, "message");
    socket.send(bytes, port, address);
    return ((await reply) as [Buffer])[0];
  } finally {
    socket.close();
  }
}

/** Sends a query in a datagram, and gives the reply. */
export async function askUdp(message: Message, place: Place): Promise<Message> {
  return decodeMessage(await askUdpRaw(encodeMessage(message), place));
}

/** Sends queries down one TCP connection at once, and gives as many answers. */
export async function askTcp(messages: readonly Message[], { address, port }: Place): Promise<Message[]> {
  const socket = createConnection({ host: address, port });
  const reader = new FrameReader();
  const replies: Message[] = [];
  for (const message of messages) socket.write(frame(encodeMessage(message)));
  for await (const chunk of socket) {
    for (const reply of reader.push(chunk as Buffer)) replies.push(decodeMessage(reply));
    if (replies.length >= messages.length) break;
  }
  return replies;
}

/** The addresses in the answers, in order. */
export function addressesIn(message: Message): string[] {
  return message.answers.flatMap(({ data }) => (data.kind === "address" ? [data.address] : [])).sort();
}
