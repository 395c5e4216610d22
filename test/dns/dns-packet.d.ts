/** The part of dns-packet that the tests compare with; the package has no types of its own. */
declare module "dns-packet" {
  export type Answer =
    | { type: "A" | "AAAA"; name: string; ttl?: number; data: string }
    | { type: "SRV"; name: string; data: { port: number; target: string } }
    | { type: "OTHER"; name: string };
  export interface Packet {
    type?: "query" | "response";
    id?: number;
    flags?: number;
    rcode?: string;
    flag_tc?: boolean;
    questions?: { type: string; name: string }[];
    answers?: Answer[];
    additionals?: unknown[];
  }
  const packet: { encode(packet: Packet): Buffer; decode(bytes: Uint8Array): Packet };
  export default packet;
}
