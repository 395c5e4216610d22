/** A gRPC server in a pod of a test: answers with the family that it was reached over. Usage: grpc-echo.ts PORT */
import { Server, ServerCredentials, type ServerUnaryCall } from "@grpc/grpc-js";

const bytes = (value: Buffer): Buffer => value;
const server = new Server();
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
    Say: (call: ServerUnaryCall<Buffer, Buffer>, reply: (error: null, value: Buffer) => void) => {
      const peer = call.getPeer();
      reply(null, Buffer.from(/^(::ffff:)?\d+\.\d+\./.test(peer) ? "IPv4" : "IPv6"));
    },
  },
);
server.bindAsync(`[::]:${process.argv[2]}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
