import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../../src/errors/user-error.ts";
import {
  authorityProblem,
  type CertificateRequest,
  createAuthority,
  daysLeft,
  issueCertificate,
  type KeyPair,
} from "../../src/pki/issue.ts";

const CLIENT: CertificateRequest = {
  commonName: "a",
  subjectAltNames: ["DNS:a.test"],
  usages: ["clientAuth"],
  days: 1,
};

const folder = mkdtempSync(join(tmpdir(), "tandem-pki-test-"));
after(() => rmSync(folder, { recursive: true }));

/** What OpenSSL shows of a certificate. */
function opensslText(certificate: string): string {
  return execFileSync("openssl", ["x509", "-noout", "-text"], { input: certificate, encoding: "utf8" });
}

function opensslVerify(authority: string, certificate: string): { status: number | null; stderr: string } {
  const file = join(folder, "ca.crt");
  writeFileSync(file, authority);
  const args = ["verify", "-x509_strict", "-check_ss_sig", "-CAfile", file];
  const { status, stderr } = spawnSync("openssl", args, { input: certificate, encoding: "utf8" });
  return { status, stderr };
}

/** An authority as somebody else may make it, with openssl and a key of the given algorithm. */
function opensslAuthority(algorithm: string): KeyPair {
  const [cert, key] = [join(folder, "own.crt"), join(folder, "own.key")];
  const made = `genpkey -algorithm ${algorithm} -out ${key}`;
  const usages = "keyUsage=critical,keyCertSign";
  const signed = `req -x509 -key ${key} -subj /O=some/OU=one/CN=own -addext ${usages} -days 2 -out ${cert}`;
  for (const command of [made, signed]) execFileSync("openssl", command.split(" "), { stdio: "pipe" });
  return { certificate: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

test("a certificate is of its authority, for its names, with its key", async () => {
  const authority = await createAuthority("test-ca");
  const { certificate, key } = await issueCertificate(authority, {
    commonName: "shop/edge",
    subjectAltNames: [
      "DNS:xds.test",
      "IP:fd00::1",
      "IP:::1",
      "IP:10.0.0.1",
      "URI:spiffe://cluster.local/gateway/shop/edge",
    ],
    usages: ["serverAuth", "clientAuth"],
    days: 30,
  });
  const parsed = new X509Certificate(certificate);
  const ca = new X509Certificate(authority.certificate);
  assert.ok(ca.ca);
  assert.ok(!parsed.ca);
  assert.ok(parsed.checkIssued(ca) && parsed.verify(ca.publicKey));
  assert.ok(parsed.checkPrivateKey(createPrivateKey(key)));
  assert.equal(parsed.checkHost("xds.test"), "xds.test");
  assert.equal(parsed.checkIP("::1"), "::1");
  assert.equal(parsed.checkIP("fd00::1"), "fd00::1");
  assert.match(parsed.subjectAltName ?? "", /URI:spiffe:\/\/cluster\.local\/gateway\/shop\/edge/);
  assert.equal(Math.ceil(daysLeft(certificate)), 30);
  for (const { validFrom } of [parsed, ca])
    assert.ok(Date.parse(validFrom) < Date.now() - 5 * 60_000, "it is good for whoever's clock is behind");
});

test("OpenSSL takes a certificate at its strictest, and reads in it what was asked for", async () => {
  const authority = await createAuthority("test-ca");
  const { certificate } = await issueCertificate(authority, {
    commonName: "system:node:é",
    organization: "system:nodes",
    // more than 255 octets, so that lengths take two
    subjectAltNames: Array.from({ length: 20 }, (_, index) => `DNS:name-${index}.example`),
    usages: ["serverAuth"],
    days: 365 * 30,
  });
  assert.deepEqual(opensslVerify(authority.certificate, certificate), { status: 0, stderr: "" });
  const text = opensslText(certificate);
  assert.match(text, /Version: 3 \(0x2\)/);
  assert.match(text, /Subject: O = system:nodes, CN = system:node:\\C3\\A9\n/);
  assert.match(text, /DNS:name-0\.example, .*DNS:name-19\.example\n/);
  assert.match(text, /Key Usage: critical\n\s+Digital Signature\n/);
  assert.match(text, /Extended Key Usage: \n\s+TLS Web Server Authentication\n/);
  assert.match(text, /Basic Constraints: critical\n\s+CA:FALSE\n/);
  assert.match(text, /Not After : \w+ +\d+ [\d:]+ 205\d GMT/, "times from 2050 have another form");
  assert.match(
    opensslText(authority.certificate),
    /Key Usage: critical\n\s+Digital Signature, Certificate Sign, CRL Sign\n/,
  );
});

test("no two certificates of an authority have the same number, and all of them are positive", async () => {
  const authority = await createAuthority("test-ca");
  const issued = await Promise.all(Array.from({ length: 50 }, () => issueCertificate(authority, CLIENT)));
  const numbers = issued.map(({ certificate }) => new X509Certificate(certificate).serialNumber);
  assert.equal(new Set(numbers).size, 50);
  for (const number of numbers) assert.match(number, /^[0-9A-F]{1,40}$/, "RFC 5280, 4.1.2.2");
});

for (const algorithm of ["RSA", "EC -pkeyopt ec_paramgen_curve:P-384", "ED25519"])
  test(`an authority of somebody else's making signs, too: ${algorithm}`, async () => {
    const authority = opensslAuthority(algorithm);
    assert.equal(authorityProblem(authority), undefined);
    const { certificate } = await issueCertificate(authority, CLIENT);
    assert.deepEqual(opensslVerify(authority.certificate, certificate), { status: 0, stderr: "" });
  });

test("an authority whose key cannot sign here is a problem, and no certificate", async () => {
  const authority = opensslAuthority("RSA-PSS");
  const why = /a key of type rsa-pss cannot sign here: ec, rsa, ed25519 can/;
  assert.match(authorityProblem(authority) ?? "", why);
  await assert.rejects(issueCertificate(authority, CLIENT), why);
});

test("what is wrong with an authority is said", async () => {
  const [one, other] = [await createAuthority("one"), await createAuthority("other")];
  const leaf = await issueCertificate(one, CLIENT);
  assert.equal(authorityProblem(one), undefined);
  assert.match(authorityProblem({ ...one, certificate: "x" }) ?? "", /tls\.crt is no certificate/);
  assert.match(authorityProblem({ ...one, key: "x" }) ?? "", /tls\.key is no private key/);
  assert.match(authorityProblem({ ...one, key: other.key }) ?? "", /tls\.key is not the key of tls\.crt/);
  assert.match(authorityProblem(leaf) ?? "", /certificate of no authority/);
});

test("a name that no certificate can hold is refused by its name", async () => {
  const authority = await createAuthority("test-ca");
  for (const name of ["DNS:good.test\n[extensions]", "DNS:müsli.test", "IP:10.0.0.300", "DNS:", "good.test"])
    await assert.rejects(
      issueCertificate(authority, { ...CLIENT, subjectAltNames: [name] }),
      (error: Error) => error instanceof UserError && error.message.includes(JSON.stringify(name)),
    );
});

test("a common name is a text and nothing else, and not too long", async () => {
  const long = `x,O=system:masters/${"y".repeat(100)}`;
  const { certificate } = await createAuthority(long);
  assert.equal(new X509Certificate(certificate).toLegacyObject().subject.CN, long.slice(0, 64));
});

test("what is no certificate has no days left", () => assert.equal(daysLeft("nothing"), 0));
