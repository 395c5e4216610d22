import type { DestinationPolicy } from "../../traffic/gateway/policy-model.ts";

type Tlvs = NonNullable<DestinationPolicy["proxyProtocolTlvs"]>;

/** The types that the specification has a meaning for that Envoy does not see to: a checksum of ours would be wrong. */
const CRC32C = 0x03;

/**
 * Reads `0xE0=text, 0x02=%REQUESTED_SERVER_NAME%`: types of the PROXY protocol's TLVs and what they are to say.
 * @returns what could be read, and what is wrong with the first that could not
 */
export function parseTlvs(text: string): { readonly tlvs: Tlvs; readonly problem: string | undefined } {
  const tlvs: { type: number; value: string }[] = [];
  let problem: string | undefined;
  for (const part of text.split(",").map((one) => one.trim())) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const type = equals < 0 ? Number.NaN : Number(part.slice(0, equals).trim());
    if (!Number.isInteger(type) || type < 1 || type > 255)
      problem ??= `${JSON.stringify(part)} does not begin with a type from 0x01 to 0xFF and =`;
    else if (type === CRC32C) problem ??= "0x03 is a checksum over the header, which Envoy does not compute";
    else tlvs.push({ type, value: part.slice(equals + 1).trim() });
  }
  return { tlvs, problem };
}
