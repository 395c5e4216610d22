import { createSocket, type RemoteInfo, type Socket } from "node:dgram";

/** Answers one datagram; undefined is silence. `client` is `ADDRESS:PORT` as Go writes it. */
export type DatagramAnswer = (text: string, client: string) => string | undefined;

/**
 * Serves UDP on a port of both families with one socket (IPv4 clients come as IPv4-mapped addresses), of IPv4 alone
 * where the kernel has no IPv6; or on one address. Ends the process when the port cannot be had.
 */
export function serveDatagrams(
  port: number,
  answer: DatagramAnswer,
  onListening: () => void,
  address = "::",
): void {
  const socket = createSocket({ type: address.includes(":") ? "udp6" : "udp4" });
  socket.on("message", (data, client) => reply(socket, answer(data.toString(), hostPortOf(client)), client));
  socket.once("listening", onListening);
  socket.once("error", (error: NodeJS.ErrnoException) => {
    socket.close();
    if (address === "::" && error.code === "EAFNOSUPPORT") {
      return serveDatagrams(port, answer, onListening, "0.0.0.0");
    }
    console.error(`cannot listen on UDP port ${port}: ${error.message}`);
    process.exit(1);
  });
  socket.bind(port, address);
}

function reply(socket: Socket, text: string | undefined, { address, port }: RemoteInfo): void {
  if (text !== undefined) socket.send(text, port, address, () => {}); // an answer that cannot be sent is lost, as any
}

function hostPortOf({ address, port }: RemoteInfo): string {
  return goHostPort(address, port);
}

/** An address and port as Go's net.JoinHostPort writes them; IPv4-mapped addresses as IPv4. */
export function goHostPort(address: string, port: number | string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, "");
  return plain.includes(":") ? `[${plain}]:${port}` : `${plain}:${port}`;
}
