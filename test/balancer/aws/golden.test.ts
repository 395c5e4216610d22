import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseAllDocuments, stringify } from "yaml";
import { desiredStack } from "../../../src/balancer/aws/desired.ts";
import type { CurrentStack, LoadBalancer, Surroundings } from "../../../src/balancer/aws/model.ts";
import type { AnyObject, EndpointSlice, Node, Service } from "../../../src/objects/types.ts";
import { translateBalancer } from "../../../src/traffic/balancer/index.ts";
import { surroundings, withSubnets } from "./surroundings.ts";

const FOLDER = join(import.meta.dirname, "golden");

/**
 * What stands in an input beside objects: subnets, and the load balancer that exists. Not of Kubernetes, so that nobody
 * takes it for an object.
 */
interface Account {
  readonly kind: "Account";
  readonly surroundings?: Partial<Surroundings>;
  readonly loadBalancers?: readonly LoadBalancer[];
}

/** From objects to the stack, as text; findings alone where there is none. */
function outcomeOf(input: string): string {
  const documents = parseAllDocuments(input).map((document) => document.toJS() as AnyObject);
  const ofKind = <T>(kind: string) =>
    documents.filter((document) => document?.kind === kind) as unknown as T[];
  const [service, ...services] = ofKind<Service>("Service");
  const [account] = ofKind<Account>("Account");
  const translated = translateBalancer(service as Service, {
    provider: "aws",
    nodes: ofKind<Node>("Node"),
    endpointSlices: ofKind<EndpointSlice>("EndpointSlice"),
    services,
  });
  if (translated.model === undefined) return stringify({ findings: translated.findings });
  const existing: CurrentStack = {
    loadBalancers: account?.loadBalancers ?? [],
    targetGroups: [],
    securityGroups: [],
  };
  const around = withSubnets(surroundings(account?.surroundings), account?.surroundings?.subnets);
  const { stack, findings } = desiredStack(translated.model, around, existing);
  const all = [...translated.findings, ...findings];
  return stringify(
    { ...(stack && { stack }), ...(all.length > 0 && { findings: all }) },
    { aliasDuplicateObjects: false },
  );
}

// To write the expected files anew: UPDATE_GOLDEN=1; then read what changed.
for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".in.yaml"))) {
  test(`golden: what ${file.replace(".in.yaml", "")} should have in AWS`, () => {
    const text = outcomeOf(readFileSync(join(FOLDER, file), "utf8"));
    const expected = join(FOLDER, file.replace(".in.yaml", ".out.yaml"));
    if (process.env["UPDATE_GOLDEN"]) writeFileSync(expected, text);
    assert.ok(existsSync(expected), `${expected} is missing`);
    assert.equal(text, readFileSync(expected, "utf8"));
  });
}
