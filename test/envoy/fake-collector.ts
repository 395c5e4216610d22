/**
 * A fake OTLP collector: takes spans over gRPC (4317) and HTTP (4318) on both families, and prints each as a line of
 * JSON. It ends with its standard input. Source: opentelemetry/proto/trace/v1/trace.proto.
 */
import { createServer } from "node:http";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { eachBytesField } from "../../src/envoy/proto/fields.ts";

/** What is kept of a span. */
export interface FakeSpan {
  readonly over: "grpc" | "http";
  /** How many spans came in one export. */
  readonly together: number;
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** The fields of a number that are messages, texts or bytes. */
function all(bytes: Buffer, number: number): Buffer[] {
  const found: Buffer[] = [];
  eachBytesField(bytes, (one, value) => {
    if (one === number) found.push(value);
  });
  return found;
}

function attributesOf(pairs: readonly Buffer[]): Record<string, string> {
  const entries = pairs.map((pair) => {
    const [value] = all(pair, 2);
    return [String(all(pair, 1)[0]), String(value && (all(value, 1)[0] ?? ""))] as const;
  });
  return Object.fromEntries(entries);
}

function take(request: Buffer, over: FakeSpan["over"]): void {
  for (const resourceSpans of all(request, 1)) {
    const resource = all(resourceSpans, 1)[0];
    const service = attributesOf(resource ? all(resource, 1) : [])["service.name"] ?? "";
    const spans = all(resourceSpans, 2).flatMap((scope) => all(scope, 2));
    for (const span of spans) {
      const hex = (number: number) => all(span, number)[0]?.toString("hex") ?? "";
      const made: FakeSpan = {
        over,
        together: spans.length,
        service,
        name: String(all(span, 5)[0]),
        traceId: hex(1),
        spanId: hex(2),
        parentSpanId: hex(4),
        attributes: attributesOf(all(span, 9)),
      };
      console.log(JSON.stringify(made));
    }
  }
}

function serveGrpc(address: string): Promise<void> {
  const server = new Server();
  const same = (bytes: Buffer): Buffer => bytes;
  const method = {
    path: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  server.addService(
    { Export: method },
    {
      Export: (call: { request: Buffer }, answer: (error: null, bytes: Buffer) => void) => {
        take(call.request, "grpc");
        answer(null, Buffer.alloc(0));
      },
    },
  );
  return new Promise((resolve, reject) => {
    server.bindAsync(`${address}:4317`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
}

if (import.meta.main) {
  for (const address of ["0.0.0.0", "::"]) {
    const server = createServer((asked, response) => {
      const chunks: Buffer[] = [];
      asked.on("data", (chunk: Buffer) => chunks.push(chunk));
      asked.on("end", () => {
        take(Buffer.concat(chunks), "http");
        response.end();
      });
    });
    server.listen({ port: 4318, host: address, ipv6Only: true });
  }
  await serveGrpc("[::]");
  console.log(JSON.stringify("ready"));
  process.stdin.resume().on("end", () => process.exit());
}
