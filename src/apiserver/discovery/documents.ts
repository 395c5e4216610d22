import { createHash } from "node:crypto";
import type { Kind } from "../../objects/kinds.ts";
import { type Call, headerOf, type Reply } from "../http/call.ts";
import { JSON_TYPE, jsonReply } from "../http/replies.ts";
import type { Resources } from "../registry/resources.ts";
import { apiResourcesOf, discoveredResource } from "./resources.ts";

const AGGREGATED =
  /application\/json;(?=[^,]*\bg=apidiscovery\.k8s\.io)(?=[^,]*\bv=(v2)\b)(?=[^,]*\bas=APIGroupDiscoveryList)/;

/** `/api` and `/apis`: aggregated where the client asks for it, with the content type that clients compare. */
export function rootDocument(call: Call, resources: Resources, root: "api" | "apis"): Reply {
  if (!AGGREGATED.test(headerOf(call, "accept").replaceAll(" ", ""))) {
    return jsonReply(root === "api" ? legacyVersions(call) : groupList(resources));
  }
  const body = JSON.stringify(aggregated(resources, root));
  const etag = `"${createHash("sha256").update(body).digest("hex").toUpperCase()}"`;
  const contentType = `${JSON_TYPE};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`;
  const headers = { etag, vary: "Accept" };
  if (headerOf(call, "if-none-match") === etag) return { status: 304, body: "", contentType, headers };
  return { status: 200, body, contentType, headers };
}

function legacyVersions(call: Call): object {
  const serverAddress = headerOf(call, "host");
  const serverAddressByClientCIDRs = [{ clientCIDR: "0.0.0.0/0", serverAddress }];
  return { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs };
}

function aggregated(resources: Resources, root: "api" | "apis"): object {
  const groups = groupsOf(resources).filter(({ name }) => (name === "") === (root === "api"));
  const items = groups.map(({ name, versions }) => ({
    metadata: { ...(name === "" ? {} : { name }), creationTimestamp: null },
    versions: versions.map((version) => ({
      version,
      resources: kindsOf(resources, name, version).map(discoveredResource),
      freshness: "Current",
    })),
  }));
  return { kind: "APIGroupDiscoveryList", apiVersion: "apidiscovery.k8s.io/v2", metadata: {}, items };
}

function groupList(resources: Resources): object {
  const groups = groupsOf(resources).filter(({ name }) => name !== "");
  return { kind: "APIGroupList", apiVersion: "v1", groups: groups.map(groupOf) };
}

/** `/apis/<group>`, or undefined when it is not served. */
export function groupDocument(resources: Resources, name: string): Reply | undefined {
  const group = groupsOf(resources).find((candidate) => candidate.name === name && name !== "");
  return group && jsonReply({ kind: "APIGroup", apiVersion: "v1", ...groupOf(group) });
}

function groupOf({ name, versions }: Group): object {
  const all = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: all, preferredVersion: all[0] };
}

/** `/api/v1` or `/apis/<group>/<version>`, or undefined when it is not served. */
export function versionDocument(resources: Resources, group: string, version: string): Reply | undefined {
  const kinds = kindsOf(resources, group, version);
  if (kinds.length === 0) return undefined;
  const groupVersion = group === "" ? version : `${group}/${version}`;
  const list = kinds.flatMap(apiResourcesOf);
  list.sort((a, b) => (a.name < b.name ? -1 : 1));
  const head = { kind: "APIResourceList", ...(group === "" ? {} : { apiVersion: "v1" }) };
  return jsonReply({ ...head, groupVersion, resources: list });
}

interface Group {
  readonly name: string;
  readonly versions: string[];
}

function groupsOf(resources: Resources): Group[] {
  const groups = new Map<string, Group>();
  for (const { group, version } of resources.groupVersions()) {
    const known = groups.get(group);
    if (known === undefined) groups.set(group, { name: group, versions: [version] });
    else known.versions.push(version);
  }
  return [...groups.values()];
}

function kindsOf(resources: Resources, group: string, version: string): Kind[] {
  const kinds = resources.all().filter((kind) => kind.group === group && kind.version === version);
  return kinds.sort((a, b) => (a.plural < b.plural ? -1 : 1));
}
