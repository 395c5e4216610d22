/** The codes of remarks about manifests, each with what it means; docs/check.md has the same table. */
export const CODES = {
  "service-refused": "the API server refuses the Service's families or cluster IPs",
  "service-one-family": "a Service that says nothing of families gets the cluster's first one alone",
  "service-address-family": "an address or range of a Service is of a family that it lacks",
  "source-ranges-one-family": "ranges that guard one family and leave the other open, or shut",
  "listens-one-family": "a program is bound to an address of one family",
  "java-one-family": "Java is told to use IPv4 alone",
  "ipv6-off": "a setting switches IPv6 off, or lets IPv4-mapped sockets hear IPv6 alone",
  "aaaa-withheld": "names are not asked for AAAA, or not answered",
  "probe-one-family": "a probe looks at one family alone",
  "policy-one-family": "a policy names ranges of one family and nothing of the other",
  "flags-refused": "a component of Kubernetes refuses its flags",
  "cluster-one-family": "the configuration of a cluster has ranges of one family",
  "pool-one-family": "a pool has addresses of one family",
  "balancer-one-family": "a load balancer of one family",
  "balancer-settings":
    "an annotation of the AWS Load Balancer Controller that it refuses, or that is without effect",
  "gateway-one-family": "a gateway or sidecar that hears one family",
  "envoy-one-family": "a port of an Envoy hears one family",
} as const;
