/** Names of clusters that say what they are: `outbound|9000|v1|web.demo.svc.cluster.local`, `inbound|9000||`. Pure. */

/** The parts of a cluster's name. */
export interface ClusterName {
  readonly host: string;
  readonly port?: number;
  readonly subset: string;
  readonly direction: "outbound" | "inbound" | "";
}

const SIDECARS = /^(outbound|inbound)\|(\d+)\|([^|]*)\|(.*)$/;
/** Those of Gateways: `service/demo/web/80`. */
const LAST_NUMBER = /[/|](\d+)(?:$|[/|#])/;

/** Takes a cluster's name apart; one of another form is the host. */
export function readClusterName(name: string): ClusterName {
  const [, direction, port, subset = "", host = ""] = SIDECARS.exec(name) ?? [];
  if (direction === undefined) {
    const number = LAST_NUMBER.exec(name)?.[1];
    return { host: name, ...(number !== undefined && { port: Number(number) }), subset: "", direction: "" };
  }
  return { host, port: Number(port), subset, direction: direction as "outbound" | "inbound" };
}
