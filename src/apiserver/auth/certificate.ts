import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { AUTHENTICATED, type User } from "./user.ts";

/** Certificates do not change while a connection lasts. */
const usersOfSockets = new WeakMap<Socket, User | "none" | "invalid">();

/** The user of a connection's client certificate; `invalid` for one that the cluster's CA did not sign. */
export function userOfConnection(socket: Socket): User | "none" | "invalid" {
  let user = usersOfSockets.get(socket);
  if (user === undefined) {
    user = userOfCertificate(socket);
    usersOfSockets.set(socket, user);
  }
  return user;
}

function userOfCertificate(socket: Socket): User | "none" | "invalid" {
  if (!(socket instanceof TLSSocket)) return "none";
  const certificate = socket.getPeerCertificate();
  // without a certificate Node answers with an empty object
  if (certificate === null || certificate.subject === undefined) return "none";
  if (!socket.authorized) return "invalid";
  const { CN: name, O: organizations } = certificate.subject as { CN?: unknown; O?: string | string[] };
  if (typeof name !== "string" || name === "") return "invalid";
  const fingerprint = certificate.fingerprint256.replaceAll(":", "").toLowerCase();
  return {
    name,
    groups: [...(organizations === undefined ? [] : [organizations].flat()), AUTHENTICATED],
    extra: { "authentication.kubernetes.io/credential-id": [`X509SHA256=${fingerprint}`] },
  };
}
