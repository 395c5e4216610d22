/** The examples of Gateways are run as their pages say: what follows a curl's `#` is in its answer. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Home, makeHome, ROOT } from "./tandem.ts";

const EXAMPLES = ["gateway", "gateway-policies"];
const CURL = /^ +(curl .*?) +# (.*)$/gm;

describe("the examples of Gateways", () => {
  let home: Home;

  before(() => {
    home = makeHome({ name: "whoever runs this" });
    const files = EXAMPLES.flatMap((name) => ["-f", join(ROOT, "examples", name)]);
    const up = home.run(["up", "-q", ...files]);
    assert.equal(up.status, 0, up.stderr + up.stdout);
  });

  after(() => {
    home.run(["down"]);
    home.remove();
  });

  for (const name of EXAMPLES) {
    test(`${name} does what its page says`, () => {
      const page = readFileSync(join(ROOT, "examples", name, "README.md"), "utf8");
      const commands = [...page.matchAll(CURL)];
      assert.notEqual(commands.length, 0);
      for (const [, command = "", expected = ""] of commands) {
        const { stdout, stderr } = home.run(["lab", "exec", "--outside", "--", "sh", "-c", command]);
        assert.ok(stdout.includes(expected), `${command}\n${stdout}${stderr}`);
      }
    });
  }

  test("proxy-status finds all in force", () => {
    const status = home.run(["proxy-status"]);
    assert.equal(status.status, 0, status.stdout + status.stderr);
    assert.match(status.stdout, /^edge-tandem-\S+\.shop +SYNCED +SYNCED +SYNCED +SYNCED +SYNCED$/m);
  });
});
