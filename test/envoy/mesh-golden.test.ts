import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { createMeshOutput, type WorkloadIdentity } from "../../src/envoy/mesh/index.ts";
import { decode } from "../../src/envoy/proto/index.ts";
import { type Resource, type ResourceKind, TYPE_URLS } from "../../src/envoy/resources.ts";
import { createAuthority } from "../../src/pki/issue.ts";
import { emptyModels, objectsOf, take } from "../traffic/mesh/text.ts";
import { ENVOY } from "./ads-envoy.ts";
import { readable } from "./desired-model.ts";

const FOLDER = join(import.meta.dirname, "mesh-golden");
const INPUTS = readdirSync(FOLDER).filter((name) => name.endsWith(".in.yaml"));

/** What the sidecar `default/caller` should have, in a mesh of objects. */
function resourcesOf(text: string, identity: WorkloadIdentity): Resource[] {
  const models = emptyModels();
  for (const object of objectsOf(text)) take(models, object);
  const output = createMeshOutput({ identity: () => identity });
  output.update(models.mesh, models.mesh.flush(), (key) => models.traffic.get(key));
  return output.resources("default/caller");
}

const NAMED = { certificate: "CERTIFICATE", privateKey: "KEY", authorities: "AUTHORITIES" };

// To write the expected files anew: UPDATE_GOLDEN=1; then read what changed.
for (const file of INPUTS) {
  test(`golden: ${file}`, () => {
    const resources = resourcesOf(readFileSync(join(FOLDER, file), "utf8"), NAMED);
    const text = stringify(resources.map(readable), { lineWidth: 110, aliasDuplicateObjects: false });
    const expected = join(FOLDER, file.replace(".in.", ".out."));
    if (process.env["UPDATE_GOLDEN"]) writeFileSync(expected, text);
    assert.ok(existsSync(expected), `${expected} is missing`);
    assert.equal(text, readFileSync(expected, "utf8"));
  });
}

/** A bootstrap that holds what came over ADS; route tables and endpoints come from files. */
function staticConfig(resources: readonly Resource[], folder: string): string {
  const of = (kind: ResourceKind) =>
    resources.filter((one) => one.kind === kind).map((one) => decode(TYPE_URLS[kind], one.bytes));
  for (const kind of ["route", "endpoint"] as const) {
    const those = of(kind).map((one) => ({ "@type": TYPE_URLS[kind], ...one }));
    writeFileSync(join(folder, `${kind}.json`), JSON.stringify({ version_info: "1", resources: those }));
  }
  const config = {
    static_resources: { listeners: of("listener"), clusters: of("cluster"), secrets: of("secret") },
  };
  const ads = JSON.stringify({ ads: {}, resource_api_version: "V3" });
  const file = (kind: string) =>
    JSON.stringify({ path_config_source: { path: join(folder, `${kind}.json`) } });
  return JSON.stringify(config)
    .replaceAll(`"eds_config":${ads}`, `"eds_config":${file("endpoint")}`)
    .replaceAll(`"config_source":${ads}`, `"config_source":${file("route")}`)
    .replaceAll(`,"sds_config":${ads}`, "");
}

for (const file of INPUTS) {
  test(`Envoy takes ${file} as a whole`, { skip: ENVOY === undefined && "no Envoy here" }, async () => {
    const { certificate, key } = await createAuthority("mesh");
    const folder = mkdtempSync(join(tmpdir(), "tandem-mesh-golden-"));
    try {
      const identity = { certificate, privateKey: key, authorities: certificate };
      const config = staticConfig(resourcesOf(readFileSync(join(FOLDER, file), "utf8"), identity), folder);
      writeFileSync(join(folder, "envoy.json"), config);
      const node = ["--service-node", "caller", "--service-cluster", "mesh"];
      const args = ["--mode", "validate", "-c", join(folder, "envoy.json"), ...node, "--log-level", "error"];
      assert.match(execFileSync(ENVOY as string, args, { encoding: "utf8", stdio: "pipe" }), /OK/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
