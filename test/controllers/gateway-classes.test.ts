import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { installDefinitions } from "../../src/cli/gateway/definitions.ts";
import { GATEWAYS_EXIST } from "../../src/controllers/gateway/class-finalizers.ts";
import { ClassFinalizers } from "../../src/controllers/gateway/index.ts";
import { GATEWAY_KINDS, type Gateway, type GatewayClass } from "../../src/objects/gateway/index.ts";
import { eventually, startCluster, type TestCluster } from "./cluster.ts";

const OURS = "tandem.dev/gateway-controller";

let cluster: TestCluster;
let classes: ClassFinalizers;
before(async () => {
  cluster = await startCluster();
  await installDefinitions(cluster.client);
  classes = new ClassFinalizers({ client: cluster.client, controllerName: OURS });
  classes.start();
});
after(async () => {
  await classes.stop();
  await cluster.close();
});

async function makeClass(name: string, controllerName = OURS, finalizers: readonly string[] = []) {
  const metadata = { name, ...(finalizers.length > 0 && { finalizers: [...finalizers] }) };
  const object = await cluster.client.create<GatewayClass>(GATEWAY_KINDS.GatewayClass, {
    metadata,
    spec: { controllerName },
  });
  classes.onClass({ type: "added", object });
}

/** A Gateway as the caches tell of it. */
function gateway(name: string, gatewayClassName: string): Gateway {
  return {
    metadata: { name, namespace: "default" },
    spec: { gatewayClassName, listeners: [] },
  } as unknown as Gateway;
}

async function finalizersOf(name: string): Promise<readonly string[] | undefined> {
  const object = await cluster.client
    .get<GatewayClass>(GATEWAY_KINDS.GatewayClass, name)
    .catch(() => undefined);
  return object && (object.metadata.finalizers ?? []);
}

const until = (name: string, ...finalizers: string[]) =>
  eventually(
    () => finalizersOf(name),
    (found) => found?.join() === finalizers.join(),
  );

test("a class that Gateways use stays until the last of them has gone", async () => {
  await makeClass("used", OURS, ["example.test/other"]);
  classes.onGateway({ type: "added", object: gateway("one", "used") });
  classes.onGateway({ type: "added", object: gateway("two", "used") });
  await until("used", "example.test/other", GATEWAYS_EXIST);
  await cluster.client.delete(GATEWAY_KINDS.GatewayClass, "used");
  classes.onGateway({ type: "deleted", object: gateway("one", "used") });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(await finalizersOf("used"), ["example.test/other", GATEWAYS_EXIST]);
  classes.onGateway({ type: "deleted", object: gateway("two", "used") });
  await until("used", "example.test/other");
});

test("a Gateway that changes its class, or one from before a start, counts where it is", async () => {
  await makeClass("from", OURS, [GATEWAYS_EXIST]);
  await until("from");
  classes.onGateway({ type: "added", object: gateway("moving", "to") });
  await makeClass("to");
  await until("to", GATEWAYS_EXIST);
  classes.onGateway({ type: "updated", object: gateway("moving", "from") });
  await until("from", GATEWAYS_EXIST);
  await until("to");
});

test("classes of other controllers are left alone", async () => {
  classes.onGateway({ type: "added", object: gateway("theirs", "foreign") });
  await makeClass("foreign", "example.test/other");
  await makeClass("later");
  classes.onGateway({ type: "added", object: gateway("ours", "later") });
  await until("later", GATEWAYS_EXIST);
  assert.deepEqual(await finalizersOf("foreign"), []);
});
