/** How to reach and sign in to one API server; `ca`, `cert` and `key` are PEM texts. */
export interface ClusterConfig {
  /** The base URL, with the path prefix of a proxy if there is one: `https://127.0.0.1:6443`. */
  readonly server: string;
  readonly token?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly username?: string;
  readonly password?: string;
  readonly insecureSkipTlsVerify?: boolean;
  /** The name that the server's certificate is checked against, where it is not the URL's host. */
  readonly tlsServerName?: string;
  /** The namespace of objects that name none; `default` when absent. */
  readonly namespace?: string;
}
