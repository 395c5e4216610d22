import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually } from "../controllers/cluster.ts";
import { type Home, makeHome, ROOT, users } from "./tandem.ts";

/** A line of `tandem matrix -o json`, as much of it as is looked at here. */
interface MatrixText {
  readonly ok: boolean;
}

for (const user of users()) {
  describe(`faults on purpose as ${user.name}`, () => {
    let home: Home;

    before(() => {
      home = makeHome(user);
      const up = home.run(["up", "-q", "-f", join(ROOT, "examples/any-family")]);
      assert.equal(up.status, 0, up.stderr + up.stdout);
    });

    after(() => {
      home.run(["down"]);
      home.remove();
    });

    const faults = () => JSON.parse(home.run(["lab", "faults", "-o", "json"]).stdout) as { id: number }[];
    const matrixOk = () => (JSON.parse(home.run(["matrix", "-o", "json"]).stdout) as MatrixText).ok;

    test("a broken link between the nodes shows in the matrix, and mending it too", async () => {
      const broken = home.run(["lab", "break", "link", "node-1", "node-2", "--family", "IPv6"]);
      assert.equal(broken.status, 0, broken.stderr);
      assert.match(broken.stderr, /fault 1: link node-1 node-2: IPv6 gone; mend it with: tandem lab mend 1/);
      assert.match(
        home.run(["lab", "faults"]).stdout,
        /^ID +TARGET +FAULT +SINCE\n1 +link node-1 node-2 +IPv6 gone/,
      );
      assert.equal(matrixOk(), false);
      const mended = home.run(["lab", "mend"]);
      assert.match(mended.stderr, /mended: fault 1: link node-1 node-2: IPv6 gone/);
      await eventually(async () => matrixOk(), Boolean);
    });

    test("faults of one target add up; mend takes numbers, targets, or nothing for all", () => {
      const breaks = [
        ["node", "node-2", "--loss", "30%", "--family", "IPv4"],
        ["node", "node-2", "--loss", "10"],
        ["node", "node-1", "--family", "IPv6"],
      ];
      for (const words of breaks) assert.equal(home.run(["lab", "break", ...words]).status, 0);
      const ids = faults().map(({ id }) => id);
      assert.equal(ids.length, 3);
      assert.match(
        home.run(["lab", "faults"]).stdout,
        /30% of IPv4 lost[\s\S]*10% of both families lost[\s\S]*IPv6 gone/,
      );
      assert.equal(home.run(["lab", "mend", String(ids[0])]).status, 0);
      assert.equal(home.run(["lab", "mend", "node", "node-1"]).status, 0);
      assert.deepEqual(
        faults().map(({ id }) => id),
        [ids[1]],
      );
      assert.equal(home.run(["lab", "mend"]).status, 0);
      assert.deepEqual(faults(), []);
      assert.equal(home.run(["lab", "mend"]).stderr, "nothing is broken\n");
    });

    const BAD: readonly [words: string[], status: number, text: RegExp][] = [
      [["pod", "none"], 1, /no such pod; pods that run: /],
      [["node", "node-7"], 1, /no node node-7; nodes: node-1, node-2/],
      [["door", "front"], 64, /"door" is nothing that can be broken/],
      [["link", "node-1"], 64, /a link is given by two names/],
      [["pod", "web", "--family", "IPv5"], 64, /flag --family, value "IPv5"/],
      [["pod", "web", "--loss", "130%"], 64, /not a whole number from 1 to 100/],
      [["pod", "web", "--stop"], 64, /it is for a node, and this is a pod/],
      [["pod", "web", "--freeze", "--family", "IPv4"], 64, /one fault at a time/],
      [["pod", "web", "--port", "80"], 64, /it goes with --bind/],
    ];
    test("what is wrong is told, and nothing is broken by it", () => {
      for (const [words, status, text] of BAD) {
        const result = home.run(["lab", "break", ...words]);
        assert.deepEqual(
          [result.status, text.test(result.stderr)],
          [status, true],
          `${words}: ${result.stderr}`,
        );
      }
      assert.deepEqual(faults(), []);
    });
  });
}
