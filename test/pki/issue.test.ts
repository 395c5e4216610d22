import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { createAuthority, daysLeft, issueCertificate } from "../../src/pki/issue.ts";

test("a certificate is of its authority, for its names, with its key", async () => {
  const authority = await createAuthority("test-ca");
  const { certificate, key } = await issueCertificate(authority, {
    commonName: "shop/edge",
    subjectAltNames: [
      "DNS:xds.test",
      "IP:fd00::1",
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
  assert.equal(parsed.checkIP("fd00::1"), "fd00::1");
  assert.match(parsed.subjectAltName ?? "", /URI:spiffe:\/\/cluster\.local\/gateway\/shop\/edge/);
  assert.equal(Math.ceil(daysLeft(certificate)), 30);
  for (const { validFrom } of [parsed, ca])
    assert.ok(Date.parse(validFrom) < Date.now() - 5 * 60_000, "it is good for whoever's clock is behind");
});

test("names cannot break out of the command or the configuration", async () => {
  const authority = await createAuthority("x; touch /tmp/tandem-broken-out #");
  assert.equal(new X509Certificate(authority.certificate).subject, "CN=x--touch--tmp-tandem-broken-out--");
  const issued = await issueCertificate(authority, {
    commonName: "a",
    subjectAltNames: ["DNS:good.test\n[extensions]\nbasicConstraints = CA:TRUE"],
    usages: ["clientAuth"],
    days: 1,
  });
  assert.equal(new X509Certificate(issued.certificate).ca, false);
});

test("what is no certificate has no days left", () => assert.equal(daysLeft("nothing"), 0));
