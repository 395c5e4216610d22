import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseBool, parseInt32, parseList, parseMap } from "../../../src/traffic/balancer/parse.ts";

test("booleans are Go's", () => {
  for (const text of ["1", "t", "T", "TRUE", "true", "True"])
    assert.deepEqual(parseBool(text), { value: true });
  for (const text of ["0", "f", "F", "FALSE", "false", "False"])
    assert.deepEqual(parseBool(text), { value: false });
  for (const text of ["", "yes", "tRUE", " true", "on"])
    assert.deepEqual(parseBool(text), {
      error: `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`,
    });
});

test("numbers are Go's, of 32 bits", () => {
  assert.deepEqual(parseInt32("+007"), { value: 7 });
  assert.deepEqual(parseInt32("-0"), { value: 0 });
  assert.deepEqual(parseInt32("2147483647"), { value: 2147483647 });
  assert.deepEqual(parseInt32("2147483648"), {
    error: 'strconv.ParseInt: parsing "2147483648": value out of range',
  });
  for (const text of ["", "1.0", "1e3", "0x10", " 1", "1_000"])
    assert.deepEqual(parseInt32(text), {
      error: `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`,
    });
});

// the cases of pkg/annotations/parser_test.go
const LISTS: readonly (readonly [string, readonly string[]])[] = [
  ["", []],
  ["\t,  ,,,,,", []],
  ["abc,", ["abc"]],
  ['ab  c, de  \t, test, ,\t\t\t123   \t\t, "ooo, 1,,,, 3', ["ab  c", "de", "test", "123", '"ooo', "1", "3"]],
];
for (const [text, parts] of LISTS)
  test(`list ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseList(text), parts);
  });

const MAPS: readonly (readonly [string, Readonly<Record<string, string>> | undefined])[] = [
  ["", {}],
  [
    "key1=value1, key2=value2, k/slash=v, empty=",
    { key1: "value1", key2: "value2", "k/slash": "v", empty: "" },
  ],
  ["key1=a\\,b, key2= c", { key1: "a,b", key2: "c" }],
  ["key1=Mjk5==, foo=ZGF=0=ZQo=, res=v_:/=+-@", { key1: "Mjk5==", foo: "ZGF=0=ZQo=", res: "v_:/=+-@" }],
  ["only", undefined],
  ["=value", undefined],
  ["a=1, b", undefined],
  ["a=1,", { a: "1," }],
  ["a=b\\\\c", { a: "b\\c" }],
];
for (const [text, pairs] of MAPS)
  test(`map ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseMap(text), pairs);
  });

test("a list has its own parts again, whatever they are", () => {
  const part = fc.string({ minLength: 1 }).filter((text) => !text.includes(",") && text.trim() === text);
  fc.assert(fc.property(fc.array(part), (parts) => assert.deepEqual(parseList(parts.join(" , ")), parts)));
});

test("a map has its own pairs again, commas and backslashes escaped", () => {
  const text = fc.string().filter((it) => it.trim() === it);
  const key = text.filter((it) => it !== "" && !/[=,\\]/.test(it) && it !== "__proto__");
  const value = text.map((it) => it.replaceAll("=", "-"));
  const escaped = (it: string) => it.replace(/[\\,]/g, (character) => `\\${character}`);
  fc.assert(
    fc.property(fc.dictionary(key, value, { noNullPrototype: true }), (pairs) => {
      const line = Object.entries(pairs)
        .map(([name, it]) => `${name}=${escaped(it)}`)
        .join(",");
      assert.deepEqual(parseMap(line), pairs);
    }),
  );
});
