import type { PortRange } from "../allocation/ledger.ts";
import type { Cidr } from "../ip/cidr.ts";

/** Where to listen: an address and port (0 picks a free one), or a listening socket inherited from another process.
 * An optional one is left out where the machine lacks its address, such as ::1 without IPv6. */
export type Listener =
  | { readonly host: string; readonly port: number; readonly optional?: boolean }
  | { readonly fd: number };

/** What an API server is started with. */
export interface ApiServerOptions {
  /** Keeps the PKI, the token, the kubeconfig and (with storage `lmdb`) the objects. Created when missing. */
  readonly dataDir: string;
  readonly storage: "memory" | "lmdb";
  /** One or two service ranges of different families; the first one's family is the cluster's primary. */
  readonly serviceClusterIPRanges: readonly Cidr[];
  /** 30000 to 32767 when left out. */
  readonly nodePortRange?: PortRange;
  readonly listeners: readonly Listener[];
  /** More names and addresses for the server's certificate, such as those of the fabric. */
  readonly extraSans?: readonly string[];
  /** What the endpoints of the Service default/kubernetes are: addresses of the primary family count. */
  readonly advertiseAddresses?: readonly string[];
  /** The port of those endpoints, 6443 when left out. */
  readonly advertisePort?: number;
  /** A CSV file of the form `token,user,uid,"group,group"` (--token-auth-file), besides the server's own token. */
  readonly tokenAuthFile?: string;
  /** How many changes are kept for watches to start from; some 20,000 when left out. */
  readonly historyLimit?: number;
  /** Told of failures that no client hears of; standard error when left out. */
  readonly log?: (text: string) => void;
}

/** A running API server. */
export interface ApiServer {
  /** The base URL of each listener with an address, such as `https://127.0.0.1:6443`. */
  readonly urls: readonly string[];
  /** The text of the kubeconfig, as written to `<dataDir>/kubeconfig`. */
  readonly kubeconfig: string;
  readonly kubeconfigPath: string;
  readonly token: string;
  /** The cluster's CA certificate, PEM. */
  readonly ca: string;
  /** Ends watches and connections, flushes what is under way and closes the store. */
  close(): Promise<void>;
}
