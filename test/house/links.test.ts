import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";

const ROOT = resolve(import.meta.dirname, "../..");

/** Files that pages name without a link, by the folders of the repository; patterns (`*`) are not looked for. */
const NAMED =
  /(?<![\w/.@-])(?:src|test|bench|bin|conformance|data|docs|examples|scripts)\/[\w./-]*\w(?![\w-]*\*)/g;

function pages(): string[] {
  return globSync("**/*.md", { cwd: ROOT, exclude: ["**/node_modules", ".tools", ".git"] });
}

/** The text of a page without what is code in it, where brackets mean other things. */
function prose(page: string): string {
  const text = readFileSync(join(ROOT, page), "utf8");
  return text.replaceAll(/^```.*?^```/gms, "").replaceAll(/`[^`\n]*`/g, "code");
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchors(page: string): string[] {
  const headings = readFileSync(page, "utf8").matchAll(/^#+ +(.+)$/gm);
  return [...headings].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** Why a link of a page leads nowhere; undefined where it leads somewhere, or out of the repository. */
function broken(page: string, link: string): string | undefined {
  if (/^[a-z]+:/.test(link)) return undefined;
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? join(ROOT, page) : join(ROOT, dirname(page), path);
  if (!existsSync(target)) return `${page}: ${link}: no such file`;
  if (anchor === undefined || !target.endsWith(".md") || anchors(target).includes(anchor)) return undefined;
  return `${page}: ${link}: no such heading`;
}

test("every relative link of every page leads somewhere", () => {
  const links = pages().flatMap((page) =>
    [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => broken(page, link)),
  );
  assert.ok(links.length > 0);
  assert.deepEqual(
    links.filter((why) => why !== undefined),
    [],
  );
});

test("every file that a page names is there", () => {
  const named = pages().flatMap((page) =>
    [...readFileSync(join(ROOT, page), "utf8").matchAll(NAMED)].map(([path]) => ({ page, path })),
  );
  assert.ok(named.length > 0);
  const missing = named.filter(({ path }) => !existsSync(join(ROOT, path)));
  assert.deepEqual(missing, []);
});

test("every file that the page of a room names is in the room", () => {
  const named = pages()
    .filter((page) => page.startsWith("src/"))
    .flatMap((page) =>
      [...readFileSync(join(ROOT, page), "utf8").matchAll(/`((?:[\w-]+\/)*[\w-]+\.ts)`/g)].map(
        ([, path = ""]) => ({ page, path }),
      ),
    );
  assert.ok(named.length > 0);
  const missing = named.filter(
    ({ page, path }) =>
      ![join(dirname(page), path), path, join("src", path)].some((place) => existsSync(join(ROOT, place))),
  );
  assert.deepEqual(missing, []);
});
