import { CLASS_IN, type ResourceRecord, TYPE } from "./codec/message.ts";

/**
 * The record of authority of a zone, as CoreDNS writes it; its last number is how long a client may remember that a name
 * or a type is not there (RFC 2308).
 */
export function zoneRecord(zone: string, minimum: number): ResourceRecord {
  return {
    name: zone,
    type: TYPE.SOA,
    class: CLASS_IN,
    ttl: Math.min(minimum, 300),
    data: {
      kind: "soa",
      primary: `ns.dns.${zone}`,
      mailbox: `hostmaster.${zone}`,
      serial: 1,
      refresh: 7200,
      retry: 1800,
      expire: 86400,
      minimum,
    },
  };
}
