/** Where proxies get their configuration from, unless told otherwise. */
export const XDS_PORT = 18000;

/** Where Tandem's own processes are in a cluster, and the authority of proxies' certificates. */
export const TANDEM_NAMESPACE = "tandem-system";
