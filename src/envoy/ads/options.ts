import type { Resource } from "../resources.ts";
import type { ListenAddress } from "./listen.ts";

/** Who a client is: what its certificate says (nothing over a unix socket), and the node id that it claims. */
export interface Peer {
  readonly commonName?: string;
  /** Subject alternative names, `URI:spiffe://…`, `DNS:…`. */
  readonly names: readonly string[];
  readonly nodeId: string;
  /** Where it comes from; undefined over a unix socket. */
  readonly address?: string;
  /** It came to an address without TLS: all that is known of it are its address and what it says. */
  readonly open: boolean;
}

/** PEM texts of the server's side of mutual TLS. */
export interface AdsCertificates {
  readonly certificate: string;
  readonly key: string;
  /** Clients must have a certificate of this authority. */
  readonly clientCa: string;
}

/** Where the server listens, and for whom. */
export interface AdsOptions {
  /** Addresses of either family, and unix sockets. Without `tls` only such that this machine alone can reach. */
  readonly listen: readonly ListenAddress[];
  /** For all addresses but unix sockets, whose file's mode guards them. */
  readonly tls?: AdsCertificates;
  /**
   * The proxy whose configuration a client gets; undefined denies it. A promise that never rejects has the client wait
   * for it: gRPC's own clients fail all that is called meanwhile where a stream is denied.
   */
  authorize(peer: Peer): string | undefined | Promise<string | undefined>;
  /** A listener for a name that a client of the state of the world asks for, and that is not there. */
  standIn?(proxy: string, listener: string): Resource | undefined;
}
