/** A field of PROXY headers (version 2): a type, and text in Envoy's format language. */
export interface ProxyField {
  readonly type: number;
  readonly value: string;
}

/** A checksum over the header, which Envoy 1.40 does not compute; one of another's making would be wrong. */
const CRC32C = 0x03;

/**
 * Reads `0xE0=text, 0x02=%REQUESTED_SERVER_NAME%`: types of the PROXY protocol's TLVs and what they are to say.
 * @returns what could be read, and what is wrong with the first that could not
 */
export function parseProxyFields(text: string): {
  readonly fields: readonly ProxyField[];
  readonly problem: string | undefined;
} {
  const fields: ProxyField[] = [];
  let problem: string | undefined;
  for (const part of text.split(",").map((one) => one.trim())) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const type = equals < 0 ? Number.NaN : Number(part.slice(0, equals).trim());
    if (!Number.isInteger(type) || type < 1 || type > 255)
      problem ??= `${JSON.stringify(part)} does not begin with a type from 0x01 to 0xFF and =`;
    else if (type === CRC32C)
      problem ??= "0x03 is a checksum over the header, which the local balancer does not compute";
    else fields.push({ type, value: part.slice(equals + 1).trim() });
  }
  return { fields, problem };
}
