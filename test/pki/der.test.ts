import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bitString,
  contentOf,
  der,
  integer,
  objectIdentifier,
  octetString,
  partsOf,
  sequence,
  time,
} from "../../src/pki/der.ts";

const hex = (value: Uint8Array): string => Buffer.from(value).toString("hex");

test("integers are as short as they can be, and stay positive (X.690, 8.3)", () => {
  const of = (...octets: number[]) => hex(integer(Buffer.from(octets)));
  assert.equal(of(2), "020102");
  assert.equal(of(0, 0, 1, 0), "02020100");
  assert.equal(of(1, 128), "02020180");
  assert.equal(of(128, 1), "0203008001");
  assert.equal(of(0), "020100");
});

test("lengths take one octet up to 127, and more beyond (X.690, 8.1.3)", () => {
  const header = (length: number) =>
    hex(octetString(Buffer.alloc(length))).slice(0, -2 * length || undefined);
  assert.equal(header(127), "047f");
  assert.equal(header(128), "048180");
  assert.equal(header(256), "04820100");
});

test("object identifiers have seven bits an octet (X.690, 8.19)", () => {
  assert.equal(hex(objectIdentifier("2.5.29.17")), "0603551d11");
  assert.equal(hex(objectIdentifier("1.2.840.10045.4.3.2")), "06082a8648ce3d040302");
});

test("bit strings say how many bits do not count", () => {
  assert.equal(hex(bitString(Buffer.from([0b10000110]), 1)), "03020186");
});

test("times have two digits of the year up to 2049, and four from 2050 (RFC 5280, 4.1.2.5)", () => {
  assert.equal(time(Date.UTC(2049, 11, 31, 23, 59, 59, 999)).toString("latin1"), "\x17\x0d491231235959Z");
  assert.equal(time(Date.UTC(2050, 0, 1)).toString("latin1"), "\x18\x0f20500101000000Z");
});

test("what was put together comes apart again; what is cut off is an error", () => {
  const parts = [integer(Buffer.from([7])), octetString(Buffer.alloc(300, 1)), sequence(), der(0xa3)];
  const whole = sequence(...parts);
  assert.deepEqual(partsOf(whole).map(hex), parts.map(hex));
  assert.equal(hex(contentOf(parts[0]!)), "07");
  assert.throws(() => partsOf(whole.subarray(0, -1)), RangeError);
  assert.throws(() => contentOf(Buffer.from([0x30])), RangeError);
});
