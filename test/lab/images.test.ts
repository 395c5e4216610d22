import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { temporaryHome, TestCluster } from "./cluster.ts";

describe("images that are programs of the host", () => {
  const home = temporaryHome();
  const folder = join(home.path, "programs");
  let lab: TestCluster;

  before(async () => {
    mkdirSync(folder);
    const program = (name: string, body: string) => {
      writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
      return join(folder, name);
    };
    const speak = program("speak", 'echo "$GREETING $*"; exec sleep infinity');
    const envoy = program("envoy", 'echo "envoy $*"; exec sleep infinity');
    const images = [{ image: "example.com/speak", program: speak }];
    lab = await TestCluster.start("images", ["IPv4", "IPv6"], 1, { images, envoy });
  });
  after(async () => {
    await lab.stop();
    home.remove();
  });

  const logOf = async (name: string): Promise<string> => {
    for (;;) {
      let text = "";
      for await (const chunk of await lab.client.logs({ namespace: "default", pod: name }))
        text += String(chunk);
      if (text !== "") return text.trim();
    }
  };

  test("run with the pod's arguments and environment, from a file that no pod can change", async () => {
    const env = [{ name: "GREETING", value: "hello" }];
    await lab.create("speak", { image: "example.com/speak:v7", args: ["$(GREETING)", "world"], env });
    await lab.ready("speak");
    assert.equal(await logOf("speak"), "hello hello world");
    const changed = await lab.exec("speak", ["sh", "-c", "echo exit 1 >> /speak"]);
    assert.notEqual(changed.code, 0);
    assert.match(changed.err, /Read-only file system|Text file busy/);
    const beside = await lab.exec("speak", ["sh", "-c", "ls /run/tandem/images/0"]);
    assert.equal(beside.out.trim(), "speak", "nothing else of its folder is there");
  });

  test("envoy with a configuration is Envoy itself, by its image and by its name", async () => {
    await lab.create("by-image", { image: "envoyproxy/envoy:v1.40.0", args: ["--config-yaml", "{}"] });
    await lab.create("by-name", { image: "envoyproxy/envoy:v1.40.0", command: ["envoy", "-c", "x"] });
    await Promise.all([lab.ready("by-image"), lab.ready("by-name")]);
    assert.equal(await logOf("by-image"), "envoy --config-yaml {}");
    assert.equal(await logOf("by-name"), "envoy -c x");
  });

  test("an image of another name says what there is", async () => {
    await lab.create("unknown", { image: "example.com/not-speak:v1" });
    assert.match(await lab.event("unknown", "Failed"), /the lab has no program for image/);
  });
});
