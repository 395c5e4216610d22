/**
 * The floor of an API server's start: reads all that its store holds as texts, with the same library, and nothing else.
 * Usage: read-store.ts DATA-FOLDER; prints how many there are.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { open } from "lmdb";

const dictionary = readFileSync(join(import.meta.dirname, "../../data/store/dictionary-1.txt"));
const database = open<Buffer, string>({
  path: join(process.argv[2] ?? "", "store/data.mdb"),
  noSubdir: true,
  readOnly: true,
  encoding: "binary",
  compression: { threshold: 200, dictionary },
});
const texts: string[] = [];
for (const { value } of database.getRange({ snapshot: false })) texts.push(value.toString("utf8"));
console.log(`${texts.length} read`);
await database.close();
