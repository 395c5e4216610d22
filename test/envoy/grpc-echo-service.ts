/** A gRPC server for tests: `/echo.Echo/Say` answers any message with a text. */
import { Server, ServerCredentials, type ServerUnaryCall } from "@grpc/grpc-js";

type Call = ServerUnaryCall<Buffer, Buffer>;

/** Serves without TLS at an address as gRPC writes them (`[::]:8080`); `answer` may look at the call. */
export async function serveEcho(
  at: string,
  answer: (call: Call) => string,
): Promise<{ port: number; close(): void }> {
  const server = new Server();
  const bytes = (value: Buffer): Buffer => value;
  server.addService(
    {
      Say: {
        path: "/echo.Echo/Say",
        requestStream: false,
        responseStream: false,
        requestSerialize: bytes,
        requestDeserialize: bytes,
        responseSerialize: bytes,
        responseDeserialize: bytes,
      },
    },
    {
      Say: (call: Call, reply: (error: null, value: Buffer) => void) =>
        reply(null, Buffer.from(answer(call))),
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(at, ServerCredentials.createInsecure(), (error, got) =>
      error ? reject(error) : resolve(got),
    ),
  );
  return { port, close: () => server.forceShutdown() };
}
