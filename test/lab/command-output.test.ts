import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import type { CommandChannel } from "../../src/lab/kubelet/server/command-channel.ts";
import { CommandOutput } from "../../src/lab/kubelet/server/command-output.ts";

/** A client that takes a chunk after so many milliseconds; undefined is never. Not a real one: it only counts. */
function fakeClient(delay: number | undefined) {
  let bytes = 0;
  const leave: (() => void)[] = [];
  const channel: CommandChannel = {
    stdin: undefined,
    write(_name, chunk, done) {
      if (delay === undefined) return;
      setTimeout(() => {
        bytes += chunk.length;
        done();
      }, delay);
    },
    onResize: () => {},
    onClose: (listener) => void leave.push(listener),
    finish: () => {},
  };
  return {
    channel,
    taken: () => bytes,
    leave: () => {
      for (const listener of leave) listener();
    },
  };
}

/** Runs a shell's command to its end, and waits until its output is drained. What it left behind is killed. */
async function drain(channel: CommandChannel, command: string, atEnd: () => void = () => {}): Promise<void> {
  const child = spawn("sh", ["-c", command], { stdio: ["ignore", "pipe", "pipe"], detached: true });
  try {
    const output = new CommandOutput(channel, child);
    await once(child, "exit");
    atEnd();
    await output.drained();
  } finally {
    spawnSync("kill", ["-KILL", "--", `-${child.pid}`]);
  }
}

test("a client that is slow gets all of the output, however long after the command's end", async () => {
  const { channel, taken } = fakeClient(1_300);
  await drain(channel, "head -c 150000 /dev/zero; echo end >&2");
  assert.equal(taken(), 150_004);
});

test("what a helper that was left behind holds open is not waited for, whether it is silent or goes on", async () => {
  for (const helper of ["sleep 600", "yes"]) {
    const { channel, taken } = fakeClient(0);
    await drain(channel, `${helper} & echo $!`);
    assert.ok(taken() > 0, helper);
  }
});

test("a client that has gone is not waited for", async () => {
  const { channel, taken, leave } = fakeClient(undefined);
  await drain(channel, "echo hello", leave);
  assert.equal(taken(), 0);
});
