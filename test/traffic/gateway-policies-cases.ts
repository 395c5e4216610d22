/** Fields of policies and what they come to, for those who read them and for Envoy, who must take them. */

/** Fields of ClientTrafficPolicy and what they come to. */
export const CLIENT: [spec: string, expected: object][] = [
  ["proxyProtocol: {}", { policy: { proxyProtocol: { optional: false, trusted: [] } } }],
  [
    "proxyProtocol: {optional: true, trustedCIDRs: [10.0.0.0/8, 'fd00::/8', 192.0.2.1, '2001:db8::1']}",
    {
      policy: {
        proxyProtocol: {
          optional: true,
          trusted: ["10.0.0.0/8", "fd00::/8", "192.0.2.1/32", "2001:db8::1/128"],
        },
      },
    },
  ],
  [
    "clientIPDetection: {xForwardedFor: {numTrustedHops: 2}}",
    { policy: { clientAddress: { trustedHops: 2 } } },
  ],
  [
    "clientIPDetection: {customHeader: {name: X-Client}}",
    { policy: { clientAddress: { header: "x-client" } } },
  ],
  [
    "tcpKeepalive: {probes: 3, idleTime: 1m, interval: 10s}",
    { policy: { keepalive: { probes: 3, idle: 60_000, interval: 10_000 } } },
  ],
  [
    "timeout: {http: {requestReceivedTimeout: 5s, idleTimeout: 1h}}",
    { policy: { requestReceivedTimeout: 5000, idleTimeout: 3_600_000 } },
  ],
  [
    "connection: {connectionLimit: {value: 100}, bufferLimit: 32Ki}",
    { policy: { connectionLimit: 100, bufferLimit: 32_768 } },
  ],
  [
    "tls: {minVersion: '1.2', maxVersion: '1.3', ciphers: [ECDHE-RSA-AES128-GCM-SHA256], alpnProtocols: [h2]}",
    { tls: { minVersion: "1.2", maxVersion: "1.3", ciphers: ["ECDHE-RSA-AES128-GCM-SHA256"], alpn: ["h2"] } },
  ],
  [
    "accessLog: {format: {type: Text, text: '%START_TIME(%s)% %REQ(:AUTHORITY?X-H):9% 100%%'}}",
    { policy: { accessLog: { format: { text: "%START_TIME(%s)% %REQ(:AUTHORITY?X-H):9% 100%%" } } } },
  ],
  [
    "accessLog: {format: {type: JSON, json: {a: b}}}",
    { policy: { accessLog: { format: { json: { a: "b" } } } } },
  ],
  ["compression: [{type: Brotli}, {type: Gzip}]", { policy: { compression: ["brotli", "gzip"] } }],
  ["path: {disableNormalization: true}", { policy: { pathNormalization: false } }],
  [
    "path: {disableMergeSlashes: true, escapedSlashesAction: RejectRequest}",
    { policy: { mergeSlashes: false, escapedSlashes: "reject" } },
  ],
];

/** Fields of BackendTrafficPolicy that are about destinations. */
export const DESTINATION: [spec: string, expected: object][] = [
  ["loadBalancer: {type: Random}", { loadBalancing: { kind: "random" } }],
  [
    "loadBalancer: {type: LeastRequest, slowStart: {window: 30s}, zoneAware: {preferLocal: {}}}",
    { loadBalancing: { kind: "least-request" }, slowStart: 30_000, preferZone: true },
  ],
  [
    "loadBalancer: {type: ConsistentHash, consistentHash: {type: SourceIP}}",
    { loadBalancing: { kind: "hash", by: "source" } },
  ],
  [
    "loadBalancer: {type: ConsistentHash, consistentHash: {type: Header, header: {name: X-User}}}",
    { loadBalancing: { kind: "hash", by: "header", name: "x-user" } },
  ],
  [
    "loadBalancer: {type: ConsistentHash, consistentHash: {type: Cookie, cookie: {name: U, ttl: 1m}}}",
    { loadBalancing: { kind: "hash", by: "cookie", name: "U", ttl: 60 } },
  ],
  [
    "circuitBreaker: {maxConnections: 1, maxPendingRequests: 2, maxParallelRequests: 3, maxParallelRetries: 0}",
    { circuitBreaker: { maxConnections: 1, maxPendingRequests: 2, maxRequests: 3, maxRetries: 0 } },
  ],
  ["timeout: {tcp: {connectTimeout: 2s}}", { connectTimeout: 2000 }],
  ["timeout: {tcp: {unacknowledgedTimeout: 3s}}", { unacknowledgedTimeout: 3000 }],
  ["tcpKeepalive: {idleTime: 1m}", { keepalive: { idle: 60_000 } }],
  [
    "healthCheck: {active: {type: HTTP, http: {path: /ok, hostname: h, expectedStatuses: [200, 204]}}}",
    {
      activeHealthCheck: {
        kind: "http",
        timeout: 1000,
        interval: 3000,
        unhealthyThreshold: 3,
        healthyThreshold: 1,
        path: "/ok",
        hostname: "h",
        expectedStatuses: [200, 204],
      },
    },
  ],
  [
    "healthCheck: {active: {type: TCP, timeout: 2s, interval: 4s, unhealthyThreshold: 5, healthyThreshold: 6}}",
    {
      activeHealthCheck: {
        kind: "tcp",
        timeout: 2000,
        interval: 4000,
        unhealthyThreshold: 5,
        healthyThreshold: 6,
      },
    },
  ],
  [
    "healthCheck: {panicThreshold: 50, passive: {consecutive5XxErrors: 3, consecutiveGatewayErrors: 2, interval: 1s, baseEjectionTime: 5s, maxEjectionPercent: 100}}",
    {
      panicThreshold: 50,
      passiveHealthCheck: {
        consecutiveErrors: 3,
        consecutiveGatewayErrors: 2,
        interval: 1000,
        baseEjection: 5000,
        maxEjectedPercent: 100,
      },
    },
  ],
  ["proxyProtocol: {version: V2}", { proxyProtocol: 2 }],
  ["proxyProtocol: {version: V1}", { proxyProtocol: 1 }],
];

/** Fields that are about requests, of both kinds of policies. */
export const ROUTE: [kind: "BackendTrafficPolicy" | "SecurityPolicy", spec: string, expected: object][] = [
  [
    "BackendTrafficPolicy",
    "retry: {}",
    {
      retry: {
        attempts: 2,
        statuses: [503],
        conditions: ["connect-failure", "refused-stream", "unavailable", "cancelled"],
      },
    },
  ],
  [
    "BackendTrafficPolicy",
    "retry: {numRetries: 5, retryOn: {triggers: [5xx, retriable-status-codes], httpStatusCodes: [429]}, perRetry: {timeout: 1s, backOff: {baseInterval: 10ms, maxInterval: 1s}}}",
    {
      retry: {
        attempts: 5,
        statuses: [429],
        conditions: ["5xx"],
        perTryTimeout: 1000,
        backoff: { base: 10, max: 1000 },
      },
    },
  ],
  ["BackendTrafficPolicy", "timeout: {http: {streamIdleTimeout: 5m}}", { idleTimeout: 300_000 }],
  [
    "BackendTrafficPolicy",
    "sessionPersistence: {sessionName: s, absoluteTimeout: 1h, cookieConfig: {lifetimeType: Permanent}}",
    { sessionPersistence: { by: "cookie", name: "s", path: "/", lifetime: 3600 } },
  ],
  [
    "BackendTrafficPolicy",
    "rateLimit: {type: Local, local: {rules: [{limit: {requests: 10, unit: Second, burst: 20}}]}}",
    { rateLimits: [{ requests: 10, perMilliseconds: 1000, burst: 20 }] },
  ],
  [
    "BackendTrafficPolicy",
    "rateLimit: {type: Local, local: {rules: [{clientSelectors: [{headers: [{name: X-Plan, value: free}, {name: X-User, type: Distinct}], sourceCIDRs: {values: [10.0.0.0/8, 'fd00::/8'], type: Distinct}}], limit: {requests: 1, unit: Hour}}]}}",
    {
      rateLimits: [
        {
          requests: 1,
          perMilliseconds: 3_600_000,
          headers: [
            { name: "x-plan", value: "free" },
            { name: "x-user", distinct: true },
          ],
          sources: ["10.0.0.0/8", "fd00::/8"],
          distinctSource: true,
        },
      ],
    },
  ],
  [
    "SecurityPolicy",
    "cors: {allowOrigins: ['https://a.example'], allowMethods: [GET], maxAge: 10m, allowCredentials: true}",
    {
      cors: {
        allowOrigins: ["https://a.example"],
        allowMethods: ["GET"],
        allowHeaders: [],
        exposeHeaders: [],
        maxAge: 600,
        allowCredentials: true,
      },
    },
  ],
  [
    "SecurityPolicy",
    "authorization: {rules: [{action: Deny, principal: {clientCIDRs: [10.9.0.0/16]}}, {action: Allow, principal: {clientCIDRs: [10.0.0.0/8, 'fd00::/8']}}]}",
    { allowedSources: ["10.0.0.0/8", "fd00::/8"], deniedSources: ["10.9.0.0/16"] },
  ],
  [
    "SecurityPolicy",
    "authorization: {defaultAction: Allow, rules: [{action: Deny, principal: {clientCIDRs: ['fd00::/8']}}]}",
    { deniedSources: ["fd00::/8"] },
  ],
  [
    "SecurityPolicy",
    'jwt: {providers: [{name: p, localJWKS: {inline: \'{"keys": [{"kty": "oct", "k": "AAAA"}]}\'}}]}, authorization: {rules: [{action: Deny, principal: {clientCIDRs: [\'::/0\']}}, {action: Allow, principal: {jwt: {provider: p, scopes: [a]}}}]}',
    {
      tokens: "default/p",
      access: {
        rules: [
          { action: "deny", sources: ["::/0"] },
          { action: "allow", token: { provider: "default/p/p", claims: [], scopes: ["a"] } },
        ],
        otherwise: "deny",
      },
    },
  ],
  ["SecurityPolicy", "authorization: {}", { allowedSources: ["192.0.2.0/32", "2001:db8::/128"] }],
];
