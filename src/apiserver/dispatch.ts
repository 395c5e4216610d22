import { authorize } from "./auth/authorize.ts";
import { issuerDocument } from "./auth/tokens/discovery.ts";
import type { ApiContext } from "./context.ts";
import { groupDocument, rootDocument, versionDocument } from "./discovery/documents.ts";
import { openApiDocument, openApiIndex } from "./discovery/openapi.ts";
import { openApiV2 } from "./discovery/openapi-v2.ts";
import type { Answer, Call, Reply } from "./http/call.ts";
import { parseResourcePath } from "./http/paths.ts";
import { jsonReply, methodNotAllowed, pageNotFound, resourceNotServed, textReply } from "./http/replies.ts";
import { serveResource } from "./rest/serve.ts";
import { VERSION } from "./version.ts";

/** Answers one request. @throws ApiError */
export async function dispatch(call: Call, context: ApiContext, isReady: () => boolean): Promise<Answer> {
  const resource = parseResourcePath(call.path);
  authorize(call, resource, context.access.authorizer);
  if (resource !== undefined) return serveResource(call, context, resource);
  return serveOther(call, context, isReady);
}

/** Paths that are no resource's: health, version, discovery, OpenAPI. */
function serveOther(call: Call, { resources, access }: ApiContext, isReady: () => boolean): Reply {
  const path = call.path.length > 1 ? call.path.replace(/\/$/, "") : call.path;
  const [, first = "", second, third, ...more] = path.split("/");
  const health = healthOf(first, isReady, call.query.has("verbose"));
  if (health !== undefined) return health;
  const listed = more.length === 0 ? discoveryOf(call, path, first, second, third) : undefined;
  const found = listed ?? issuerDocument(call, access.signingKey);
  if (found !== undefined) return requireGet(call, found);
  if (path === "/openapi/v2") return requireGet(call, openApiV2());
  if (path === "/openapi/v3") return openApiIndex(resources);
  if (path.startsWith("/openapi/v3/")) {
    return openApiDocument(resources, path.slice("/openapi/v3/".length)) ?? pageNotFound();
  }
  if (first === "api") throw resourceNotServed();
  return pageNotFound();

  function discoveryOf(
    at: Call,
    whole: string,
    root: string,
    group?: string,
    version?: string,
  ): Reply | undefined {
    if (whole === "/") return jsonReply({ paths: rootPaths() });
    if (whole === "/version") return jsonReply(VERSION);
    if (root === "api" && version === undefined) {
      return group === undefined ? rootDocument(at, resources, root) : versionDocument(resources, "", group);
    }
    if (root !== "apis") return undefined;
    if (group === undefined) return rootDocument(at, resources, root);
    return version === undefined
      ? groupDocument(resources, group)
      : versionDocument(resources, group, version);
  }

  function rootPaths(): string[] {
    const groups = resources.groupVersions().filter(({ group }) => group !== "");
    const apis = groups.flatMap(({ group, version }) => [`/apis/${group}`, `/apis/${group}/${version}`]);
    return [
      "/api",
      "/api/v1",
      "/apis",
      ...apis,
      "/healthz",
      "/livez",
      "/openapi/v2",
      "/openapi/v3",
      "/readyz",
      "/version",
    ];
  }
}

/** The health checks, one a line where `verbose` is asked for (apiserver's healthz.go). */
function healthOf(first: string, isReady: () => boolean, isVerbose: boolean): Reply | undefined {
  if (first !== "livez" && first !== "healthz" && first !== "readyz") return undefined;
  if (first === "readyz" && !isReady()) return textReply("the server is starting\n", 500);
  return textReply(isVerbose ? `[+]ping ok\n${first} check passed\n` : "ok");
}

function requireGet(call: Call, reply: Reply): Reply {
  if (call.method !== "GET" && call.method !== "HEAD") throw methodNotAllowed();
  return reply;
}
