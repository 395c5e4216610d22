/**
 * Formats of access logs: Envoy refuses a listener over a command that it does not know, so it has to be found out here.
 * Names are those that Envoy 1.40 takes in logs of HTTP and TCP alike;
 * https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/observability/access_log/usage.
 */

const words = (text: string): string[] => text.trim().split(/\s+/);

/** With parameters, and a length if wanted: `%REQ(X-A?X-B):10%`. */
const WITH_PARAMETERS = new Set(
  words(`DYNAMIC_METADATA ENVIRONMENT FILTER_STATE QUERY_PARAM REQ REQUEST_HEADER RESP RESPONSE_HEADER
    RESPONSE_TRAILER STREAM_INFO_REQ TRAILER UPSTREAM_FILTER_STATE`),
);

/** With parameters, without a length. */
const WITHOUT_LENGTH = new Set(words("CLUSTER_METADATA COMMON_DURATION METADATA UPSTREAM_METADATA"));

/** With or without parameters: times have formats, addresses masks. */
const EITHER_WAY = new Set(
  words(`DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT
    DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_PEER_CERT_V_END DOWNSTREAM_PEER_CERT_V_START
    DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT EMIT_TIME EMIT_TIME_LOCAL RESPONSE_CODE_DETAILS START_TIME
    START_TIME_LOCAL UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_PEER_CERT_V_END UPSTREAM_PEER_CERT_V_START
    UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT`),
);

/** On their own. */
const ALONE = new Set([
  ...words(`ACCESS_LOG_TYPE BYTES_RECEIVED BYTES_RETRANSMITTED BYTES_SENT CONNECTION_ID
    CONNECTION_TERMINATION_DETAILS CUSTOM_FLAGS DURATION FILTER_CHAIN_NAME GRPC_STATUS GRPC_STATUS_NUMBER HOSTNAME
    LISTENER_NAME LOCAL_REPLY_BODY PATH PROTOCOL QUERY_PARAMS REQUESTED_SERVER_NAME REQUEST_DURATION
    REQUEST_HEADERS_BYTES REQUEST_TX_DURATION RESPONSE_CODE RESPONSE_DURATION RESPONSE_FLAGS RESPONSE_FLAGS_LONG
    RESPONSE_HEADERS_BYTES RESPONSE_TRAILERS_BYTES RESPONSE_TX_DURATION ROUNDTRIP_DURATION ROUTE_NAME SPAN_ID STREAM_ID
    TLS_JA3_FINGERPRINT TLS_JA4_FINGERPRINT TRACE_ID UNIQUE_ID VIRTUAL_CLUSTER_NAME`),
  ...words(`CX_RTT DECOMPRESSED_HEADER_BYTES_RECEIVED DECOMPRESSED_HEADER_BYTES_SENT DETECTED_CLOSE_TYPE
    DIRECT_LOCAL_ADDRESS DIRECT_LOCAL_ADDRESS_ENDPOINT_ID DIRECT_LOCAL_PORT DIRECT_REMOTE_ADDRESS DIRECT_REMOTE_PORT
    HANDSHAKE_DURATION HEADER_BYTES_RECEIVED HEADER_BYTES_SENT LOCAL_ADDRESS LOCAL_ADDRESS_ENDPOINT_ID
    LOCAL_CLOSE_REASON LOCAL_DNS_SAN LOCAL_EMAIL_SAN LOCAL_IP_SAN LOCAL_OTHERNAME_SAN LOCAL_PORT LOCAL_SUBJECT
    LOCAL_URI_SAN PEER_CERT PEER_CHAIN_FINGERPRINTS_1 PEER_CHAIN_FINGERPRINTS_256 PEER_CHAIN_SERIALS PEER_DNS_SAN
    PEER_EMAIL_SAN PEER_FINGERPRINT_1 PEER_FINGERPRINT_256 PEER_IP_SAN PEER_ISSUER PEER_ISSUER_FINGERPRINT_256
    PEER_ISSUER_SERIAL PEER_OTHERNAME_SAN PEER_SERIAL PEER_SUBJECT PEER_URI_SAN REMOTE_ADDRESS REMOTE_PORT TLS_CIPHER
    TLS_GROUP TLS_SESSION_ID TLS_VERSION TRANSPORT_FAILURE_REASON WIRE_BYTES_RECEIVED WIRE_BYTES_SENT`).map(
    (name) => `DOWNSTREAM_${name}`,
  ),
  ...words(`CLUSTER CLUSTER_RAW CONNECTION_ID CONNECTION_IDS_ATTEMPTED CONNECTION_POOL_READY_DURATION
    DECOMPRESSED_HEADER_BYTES_RECEIVED DECOMPRESSED_HEADER_BYTES_SENT DETECTED_CLOSE_TYPE HEADER_BYTES_RECEIVED
    HEADER_BYTES_SENT HOST HOSTS_ATTEMPTED HOSTS_ATTEMPTED_WITHOUT_PORT HOST_NAME HOST_NAMES_ATTEMPTED
    HOST_NAMES_ATTEMPTED_WITHOUT_PORT HOST_NAME_WITHOUT_PORT LOCAL_ADDRESS LOCAL_CLOSE_REASON LOCAL_DNS_SAN LOCAL_IP_SAN
    LOCAL_PORT LOCAL_URI_SAN PEER_CERT PEER_DNS_SAN PEER_IP_SAN PEER_ISSUER PEER_SUBJECT PEER_URI_SAN PROTOCOL
    REMOTE_ADDRESS REMOTE_ADDRESS_ENDPOINT_ID REMOTE_PORT REQUEST_ATTEMPT_COUNT SERVER_NAME TLS_CIPHER TLS_GROUP
    TLS_SESSION_ID TLS_VERSION TRANSPORT_FAILURE_REASON WIRE_BYTES_RECEIVED WIRE_BYTES_SENT`).map(
    (name) => `UPSTREAM_${name}`,
  ),
]);

const COMMAND = /^%([A-Z0-9_]+)(?:\(([^)]*)\))?(?::(\d+))?%/;

/** Why Envoy would refuse a format, or undefined when it takes it. */
export function logFormatProblem(format: string): string | undefined {
  for (let at = format.indexOf("%"); at >= 0; at = format.indexOf("%", at)) {
    const rest = format.slice(at);
    if (rest.startsWith("%%")) {
      at += 2;
      continue;
    }
    const match = COMMAND.exec(rest);
    if (match === null)
      return `${JSON.stringify(rest.slice(0, 24))} is no command; a percent sign is written %%`;
    const [whole, name = "", parameters, length] = match;
    const problem = commandProblem(name, parameters, length);
    if (problem !== undefined) return `${whole}: ${problem}`;
    at += whole.length;
  }
  return undefined;
}

function commandProblem(
  name: string,
  parameters: string | undefined,
  length: string | undefined,
): string | undefined {
  const takesLength = WITH_PARAMETERS.has(name);
  const needs = takesLength || WITHOUT_LENGTH.has(name);
  if (!needs && !EITHER_WAY.has(name) && !ALONE.has(name)) return "there is no such command";
  if (needs && !parameters) return "needs parameters";
  if (ALONE.has(name) && parameters !== undefined) return "takes no parameters";
  if (length !== undefined && !takesLength) return "takes no length";
  return parameters === undefined ? undefined : parametersProblem(name, parameters);
}

function parametersProblem(name: string, parameters: string): string | undefined {
  if (/[\0\r\n]/.test(parameters)) return "has a line break or NUL";
  const shape = SHAPES.find(([names]) => names.test(name));
  return shape === undefined || shape[1].test(parameters) ? undefined : `parameters are written ${shape[2]}`;
}

/** What parameters look like, by command. */
const SHAPES: readonly (readonly [names: RegExp, parameters: RegExp, text: string])[] = [
  [
    /^(REQ|RESP|TRAILER|STREAM_INFO_REQ|(REQUEST|RESPONSE)_(HEADER|TRAILER))$/,
    /^:?[\w!#$&'*+.^`|~-]+(\?:?[\w!#$&'*+.^`|~-]+)?$/,
    "HEADER or HEADER?OTHER",
  ],
  [/FILTER_STATE$/, /^[^:]+(:(PLAIN|TYPED|FIELD:.+))?$/, "KEY, KEY:PLAIN, KEY:TYPED or KEY:FIELD:NAME"],
  [/^COMMON_DURATION$/, /^[A-Z0-9_]+:[A-Z0-9_]+(:(ms|us|ns))?$/, "START:END or START:END:us"],
  [
    /^METADATA$/,
    /^(DYNAMIC|CLUSTER|ROUTE|UPSTREAM_HOST|LISTENER|VIRTUAL_HOST):.+$/,
    "DYNAMIC:NAMESPACE:KEY (or CLUSTER, ROUTE, UPSTREAM_HOST, LISTENER, VIRTUAL_HOST)",
  ],
];
