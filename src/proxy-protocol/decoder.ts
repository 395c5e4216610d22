/** A decoder that is fed as bytes come. */
import { type DecodeOptions, decodeHeader } from "./decode.ts";
import type { ProxyHeader } from "./header.ts";
import type { Refusal } from "./refusal.ts";

/** What a decoder says after each piece. `rest` is what came behind the header: the connection's own data. */
export type DecoderState =
  | { readonly state: "more" }
  | { readonly state: "header"; readonly header: ProxyHeader; readonly rest: Uint8Array }
  | Refusal;

/** Takes the bytes of one connection until its header is whole or refused. Holds no more than the longest header. */
export interface HeaderDecoder {
  /** @throws Error when it has said `header` or `refused` before: what comes then is not the decoder's */
  push(piece: Uint8Array): DecoderState;
}

/** A decoder for one connection. */
export function createHeaderDecoder(options: DecodeOptions): HeaderDecoder {
  let bytes: Uint8Array = new Uint8Array(0);
  let settled = false;
  return {
    push: (piece) => {
      if (settled) throw new Error("this decoder has done its work: the header was read or refused");
      bytes = bytes.length === 0 ? piece : Buffer.concat([bytes, piece]);
      const decoded = decodeHeader(bytes, options);
      settled = decoded.state !== "more";
      if (decoded.state === "more") return { state: "more" };
      if (decoded.state === "refused") return decoded;
      return {
        state: "header",
        header: decoded.header,
        rest: Uint8Array.from(bytes.subarray(decoded.length)),
      };
    },
  };
}
