/** A gRPC server in a pod of a test: answers with the family that it was reached over. Usage: grpc-echo.ts PORT */
import { serveEcho } from "../envoy/grpc-echo-service.ts";

await serveEcho(`[::]:${process.argv[2]}`, (call) =>
  /^(::ffff:)?\d+\.\d+\./.test(call.getPeer()) ? "IPv4" : "IPv6",
);
