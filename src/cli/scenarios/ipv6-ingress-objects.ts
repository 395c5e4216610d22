/** The objects of the scenario 002: nginx on an IPv4-only cluster, and Services in front of it. */
import type { AnyObject } from "../../objects/types.ts";

/** The name of the ingress controller's Deployment, and of all that goes with it. */
export const NAME = "nginx";
/** The port that speaks HTTP, and the one that expects the PROXY protocol before it. */
const PLAIN_PORT = 8080;
/** The port that expects the PROXY protocol before HTTP. */
export const PROXY_PORT = 8081;
/** The Services: one that exists already, and one made by the seed's annotations. */
export const EXISTING = "shop";
/** The Service that the seed's annotations make. */
export const SEED = "shop-ipv6";
/** The host that clients ask for. */
export const HOSTNAME = "shop.example.test";

const PREFIX = "service.beta.kubernetes.io/aws-load-balancer";
/** The annotation that asks for both families. */
export const IP_ADDRESS_TYPE = `${PREFIX}-ip-address-type`;

/** The annotations of the seed (Gardener's page on dual-stack ingress), and that for the client's address. */
const SEED_ANNOTATIONS: Readonly<Record<string, string>> = {
  [IP_ADDRESS_TYPE]: "dualstack",
  [`${PREFIX}-scheme`]: "internet-facing",
  [`${PREFIX}-nlb-target-type`]: "instance",
  [`${PREFIX}-type`]: "external",
};
const PROXY_PROTOCOL = { [`${PREFIX}-proxy-protocol`]: "*" } as const;

/** What an IPv4 Service has that a load balancer was made for before anybody thought of IPv6. */
const IPV4_ANNOTATIONS: Readonly<Record<string, string>> = {
  ...SEED_ANNOTATIONS,
  [IP_ADDRESS_TYPE]: "ipv4",
};

/** A Service of type LoadBalancer, of the cluster's only family. */
export function service(name: string): Partial<AnyObject> {
  const isSeed = name === SEED;
  const annotations = isSeed
    ? { ...SEED_ANNOTATIONS, ...PROXY_PROTOCOL }
    : { ...IPV4_ANNOTATIONS, "tandem.dev/hostname": HOSTNAME };
  return {
    metadata: { name, namespace: "default", annotations },
    spec: {
      type: "LoadBalancer",
      selector: { app: NAME },
      ports: [{ name: "http", port: 80, targetPort: isSeed ? PROXY_PORT : PLAIN_PORT, protocol: "TCP" }],
    },
  };
}

/** nginx answers with the address of the client as it knows it, and logs it. */
const CONFIGURATION = `
daemon off;
user root;
worker_processes 1;
pid /tmp/nginx.pid;
error_log /dev/stderr warn;
events { worker_connections 1024; }
http {
  log_format clients '$server_port client=$proxy_protocol_addr connection=$remote_addr "$request" $status';
  access_log /dev/stdout clients;
  client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
  keepalive_requests 100000;
  server { listen ${PLAIN_PORT}; location / { access_log off; return 200 "hello $remote_addr\\n"; } }
  server { listen ${PROXY_PORT} proxy_protocol; location / { return 200 "hello $proxy_protocol_addr\\n"; } }
}
`;

/** The ConfigMap with the configuration of nginx. */
export function configuration(): Partial<AnyObject> {
  return {
    metadata: { name: NAME, namespace: "default" },
    data: { "nginx.conf": CONFIGURATION },
  } as Partial<AnyObject>;
}

/** @param folders where nginx may be besides the usual ones */
export function deployment(folders: readonly string[]): Partial<AnyObject> {
  const path = ["/usr/sbin", "/usr/local/sbin", ...folders].join(":");
  return {
    metadata: { name: NAME, namespace: "default" },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: NAME } },
      template: {
        metadata: { labels: { app: NAME } },
        spec: {
          containers: [
            {
              name: NAME,
              image: "busybox",
              command: ["sh", "-c", `PATH="$PATH:${path}" exec nginx -c /etc/nginx-scenario/nginx.conf`],
              ports: [{ containerPort: PLAIN_PORT }, { containerPort: PROXY_PORT }],
              readinessProbe: { tcpSocket: { port: PLAIN_PORT }, periodSeconds: 1 },
              volumeMounts: [{ name: "conf", mountPath: "/etc/nginx-scenario" }],
            },
          ],
          volumes: [{ name: "conf", configMap: { name: NAME } }],
        },
      },
    },
  };
}
