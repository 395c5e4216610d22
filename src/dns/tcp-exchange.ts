import { createConnection } from "node:net";
import { FrameReader, frame } from "./tcp-frames.ts";
import { type Exchange, resolverText } from "./udp-channel.ts";

/** One query over a TCP connection of its own. */
export const exchangeOverTcp: Exchange = (query, resolver, timeoutMs) => {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: resolver.address, port: resolver.port });
    const reader = new FrameReader();
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      socket.destroy();
      settle();
    };
    const timer = setTimeout(() => {
      finish(() =>
        reject(
          new Error(`${resolverText(resolver)} did not answer over TCP within ${Math.round(timeoutMs)} ms`),
        ),
      );
    }, timeoutMs);
    socket.on("connect", () => socket.write(frame(query)));
    socket.on("data", (chunk) => {
      const [reply] = reader.push(chunk);
      if (reply !== undefined) finish(() => resolve(reply));
    });
    socket.on("error", (error) => finish(() => reject(error)));
    socket.on("close", () =>
      finish(() => reject(new Error(`${resolverText(resolver)} closed the connection`))),
    );
  });
};
