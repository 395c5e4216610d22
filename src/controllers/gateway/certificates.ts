/** The certificates by which proxies and the control plane know each other: an authority of their own, as Secrets. */
import { X509Certificate } from "node:crypto";
import type { KubeClient } from "../../client/index.ts";
import type { Gateway } from "../../objects/gateway/index.ts";
import { KINDS } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { AnyObject, Secret } from "../../objects/types.ts";
import { createAuthority, daysLeft, issueCertificate, type KeyPair } from "../../pki/issue.ts";
import { metadataOf } from "./desired.ts";

/** The Secret that holds the authority. */
const AUTHORITY = "tandem-xds-ca";
const SERVER_DAYS = 3650;
const CLIENT_DAYS = 365;
/** A proxy's certificate is made anew when it has so many days left. */
const RENEW_DAYS = 90;

/**
 * Reads the authority from its Secret in a namespace, or makes both. Of two control planes that start at once one makes
 * it, and the other one reads it.
 */
export async function ensureAuthority(
  client: KubeClient,
  namespace: string,
  name = AUTHORITY,
): Promise<KeyPair> {
  const known = await readAuthority(client, namespace, name);
  if (known !== undefined) return known;
  await createUnlessThere(client.create(KINDS.Namespace, { metadata: { name: namespace } }));
  const { certificate, key } = await createAuthority(name);
  const secret = {
    metadata: { name, namespace },
    type: "kubernetes.io/tls",
    data: { "tls.crt": toBase64(certificate), "tls.key": toBase64(key) },
  };
  await createUnlessThere(client.create(KINDS.Secret, secret));
  const made = await readAuthority(client, namespace, name);
  if (made === undefined) throw new Error(`Secret ${namespace}/${name} has no tls.crt and tls.key`);
  return made;
}

async function readAuthority(
  client: KubeClient,
  namespace: string,
  name: string,
): Promise<KeyPair | undefined> {
  const secret = await client.find<Secret>(KINDS.Secret, name, namespace);
  return secret && keyPairOf(secret);
}

/** What a Secret of type `kubernetes.io/tls` holds. */
export function keyPairOf({ data }: Secret): KeyPair | undefined {
  const certificate = fromBase64(data?.["tls.crt"]);
  const key = fromBase64(data?.["tls.key"]);
  return certificate && key ? { certificate, key } : undefined;
}

async function createUnlessThere(creation: Promise<unknown>): Promise<void> {
  try {
    await creation;
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 409) throw error;
  }
}

/** What the xDS server's certificate says it is. */
export function serverIdentity(domain: string): string {
  return `spiffe://${domain}/tandem-xds`;
}

/** The xDS server's certificate: its identity, and the names and addresses that proxies dial, of both families. */
export function issueServerCertificate(
  authority: KeyPair,
  domain: string,
  names: readonly string[],
): Promise<KeyPair> {
  const places = names.map((name) => (/^[0-9.]+$|:/.test(name) ? `IP:${name}` : `DNS:${name}`));
  const subjectAltNames = [`URI:${serverIdentity(domain)}`, ...places];
  return issueCertificate(authority, {
    commonName: "tandem-xds",
    subjectAltNames,
    usages: ["serverAuth"],
    days: SERVER_DAYS,
  });
}

/** What a proxy's certificate says it is: `spiffe://<domain>/gateway/<namespace>/<name>`. */
export function proxyIdentity(domain: string, key: string): string {
  return `spiffe://${domain}/gateway/${key}`;
}

/** The key of the Gateway that an identity names; undefined where it is none of this domain. */
export function proxyOfIdentity(domain: string, identity: string): string | undefined {
  const prefix = `spiffe://${domain}/gateway/`;
  const key = identity.startsWith(prefix) ? identity.slice(prefix.length) : "";
  return /^[^/]+\/[^/]+$/.test(key) ? key : undefined;
}

/** What all proxies' certificates have in common. */
export interface CertificateOptions {
  readonly authority: KeyPair;
  /** In the proxies' identities. */
  readonly trustDomain: string;
  /** Further files beside the certificate, by name. */
  readonly files?: Readonly<Record<string, string>>;
}

/** The Secret with a proxy's certificate as it has to be: the one that is there while that is good, or a new one. */
export async function proxySecret(
  { authority, trustDomain, files = {} }: CertificateOptions,
  gateway: Gateway,
  current: Secret | undefined,
): Promise<AnyObject> {
  const key = `${gateway.metadata.namespace}/${gateway.metadata.name}`;
  const data = await clientData({ authority, files }, proxyIdentity(trustDomain, key), current);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: metadataOf({ gateway }),
    type: "kubernetes.io/tls",
    data,
  } as AnyObject;
}

/** The data of a Secret that lets its owner in: the certificate that is there while that is good, or a new one. */
export async function clientData(
  { authority, files = {} }: Pick<CertificateOptions, "authority" | "files">,
  identity: string,
  current: Secret | undefined,
): Promise<Readonly<Record<string, string>>> {
  const others = Object.entries(files).map(([name, text]) => [name, toBase64(text)]);
  const data = isGood(current, authority, identity) ? current?.data : await newData(authority, identity);
  return { ...data, ...Object.fromEntries(others) };
}

async function newData(authority: KeyPair, identity: string): Promise<Record<string, string>> {
  const { certificate, key } = await issueCertificate(authority, {
    commonName: "tandem-proxy",
    subjectAltNames: [`URI:${identity}`],
    usages: ["clientAuth"],
    days: CLIENT_DAYS,
  });
  return {
    "tls.crt": toBase64(certificate),
    "tls.key": toBase64(key),
    "ca.crt": toBase64(authority.certificate),
  };
}

function isGood(secret: Secret | undefined, authority: KeyPair, identity: string): boolean {
  const certificate = fromBase64(secret?.data?.["tls.crt"]);
  if (certificate === undefined || daysLeft(certificate) < RENEW_DAYS) return false;
  const parsed = new X509Certificate(certificate);
  const ca = new X509Certificate(authority.certificate);
  const names = (parsed.subjectAltName ?? "").split(", ");
  return names.includes(`URI:${identity}`) && parsed.checkIssued(ca) && parsed.verify(ca.publicKey);
}

function toBase64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function fromBase64(text: string | undefined): string | undefined {
  return text ? Buffer.from(text, "base64").toString() : undefined;
}
