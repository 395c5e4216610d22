import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Reply } from "../http/call.ts";
import { JSON_TYPE, jsonReply } from "../http/replies.ts";
import { customDocument } from "../crd/openapi.ts";
import type { Resources } from "../registry/resources.ts";

const FOLDER = join(import.meta.dirname, "../../../data/openapi");

interface Document {
  readonly body: Buffer;
  readonly hash: string;
}

const documents = new Map<string, Document | undefined>();

/** The document of a group version by its path (`api/v1`, `apis/apps/v1`), read once; undefined when there is none. */
function documentOf(path: string): Document | undefined {
  if (!documents.has(path)) documents.set(path, readDocument(path));
  return documents.get(path);
}

function readDocument(path: string): Document | undefined {
  try {
    const body = readFileSync(join(FOLDER, `${path.replaceAll("/", "__")}.json`));
    return { body, hash: createHash("sha256").update(body).digest("hex").toUpperCase() };
  } catch {
    return undefined;
  }
}

function pathsOf(resources: Resources): string[] {
  return resources
    .groupVersions()
    .map(({ group, version }) => (group === "" ? `api/${version}` : `apis/${group}/${version}`));
}

/** `/openapi/v3`: where the documents of the groups served are. */
export function openApiIndex(resources: Resources): Reply {
  const paths: Record<string, { serverRelativeURL: string }> = {};
  for (const path of pathsOf(resources)) {
    const document = documentOf(path) ?? customDocument(resources, path);
    if (document === undefined) continue;
    paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${document.hash}` };
  }
  return jsonReply({ paths });
}

/** `/openapi/v3/<path>`; undefined when it is not served. */
export function openApiDocument(resources: Resources, path: string): Reply | undefined {
  if (!pathsOf(resources).includes(path)) return undefined;
  const document = documentOf(path) ?? customDocument(resources, path);
  if (document === undefined) return undefined;
  return {
    status: 200,
    body: document.body,
    contentType: JSON_TYPE,
    headers: { etag: `"${document.hash}"` },
  };
}
