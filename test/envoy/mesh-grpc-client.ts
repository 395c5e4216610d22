/**
 * A gRPC client with xDS: each line of its input is a target to call; it prints the answer, or why there is none. It ends
 * when its input has ended and all is answered.
 */
import { createInterface } from "node:readline";
import { Client, credentials } from "@grpc/grpc-js";
import { register } from "@grpc/grpc-js-xds";

register();
const clients = new Map<string, Client>();

let underWay = 0;
let ended = false;

function call(target: string): void {
  const client = clients.get(target) ?? new Client(target, credentials.createInsecure());
  clients.set(target, client);
  const bytes = (value: Buffer) => value;
  const deadline = Date.now() + 120_000;
  underWay++;
  client.makeUnaryRequest(
    "/echo.Echo/Say",
    bytes,
    bytes,
    Buffer.alloc(0),
    { deadline, waitForReady: false } as object,
    (error, answer) => {
      console.log(error ? `failed: ${error.code} ${error.details}` : String(answer));
      underWay--;
      endWhenDone();
    },
  );
}

function endWhenDone(): void {
  if (ended && underWay === 0) process.exit();
}

createInterface({ input: process.stdin })
  .on("line", call)
  .on("close", () => {
    ended = true;
    endWhenDone();
  });
