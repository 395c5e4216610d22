/** Who workloads are: certificates for their sidecars, made and renewed per ServiceAccount. */
import { X509Certificate } from "node:crypto";
import type { KubeClient } from "../../client/index.ts";
import { KINDS } from "../../objects/kinds.ts";
import { ApiError } from "../../objects/status.ts";
import type { Secret } from "../../objects/types.ts";
import { daysLeft, issueCertificate, type KeyPair } from "../../pki/issue.ts";
import { clientData } from "../gateway/certificates.ts";
import { labelValue } from "../gateway/names.ts";
import { sameValue } from "../runtime/equal.ts";
import { WorkQueue } from "../runtime/work-queue.ts";

/** A ServiceAccount of a namespace, as sidecars run under it. */
export interface Account {
  readonly namespace: string;
  readonly account: string;
}

/** What a workload shows, and whom it trusts: PEM texts. */
export interface WorkloadCertificate {
  readonly certificate: string;
  readonly privateKey: string;
  /** All authorities whose certificates count: several while they change. */
  readonly authorities: string;
}

/** What keeping the identities of sidecars needs. */
export interface IdentitiesOptions {
  readonly client: KubeClient;
  readonly authority: MeshAuthority;
  readonly identityOf: (account: Account) => string;
  /**
   * Further files in the Secrets by which sidecars reach their control plane, by name; absent: no Secrets are made, as
   * whoever has these identities gets there by another certificate (the proxies of Gateways).
   */
  readonly files?: Readonly<Record<string, string>>;
  /** Called when an account has another certificate, or trusts others. */
  readonly onChange: (account: Account) => void;
  /**
   * Whether Secrets that are there are renewed here: of several replicas by one alone, as they may differ for a while in
   * whom they trust. All make those that are missing. True unless given.
   */
  readonly leads?: () => boolean;
  readonly log: (line: string) => void;
}

/** Who signs, and who else is trusted. */
export interface MeshAuthority {
  readonly signer: KeyPair;
  /** PEM texts. */
  readonly others: readonly string[];
}

/** A workload's certificate is valid for so long, and made anew in the second half. */
const WORKLOAD_DAYS = 2;
const RENEW_DAYS = 1;
const LOOK_PERIOD = 10 * 60_000;
/** Secrets that are written at once. */
const WORKERS = 3;
/** Everybody trusts a new authority for so long, in milliseconds, before anybody shows a certificate of it. */
const TRUST_FIRST = 5_000;

/** The name of the Secret by which the sidecars of an account reach the control plane. */
export function identitySecretName(account: string): string {
  return labelValue(`tandem-mesh-${account}`);
}

/**
 * The certificates of all accounts that have been asked for. They live in memory and go to sidecars over SDS; what a
 * sidecar needs to get there is a Secret in its namespace. Bounded by the accounts that run sidecars.
 */
export class Identities {
  readonly #options: IdentitiesOptions;
  readonly #queue: WorkQueue;
  readonly #accounts = new Map<string, Account>();
  readonly #certificates = new Map<string, KeyPair>();
  #authority: MeshAuthority;
  #signer: KeyPair;
  #timers: NodeJS.Timeout[] = [];

  constructor(options: IdentitiesOptions) {
    this.#options = options;
    this.#authority = options.authority;
    this.#signer = options.authority.signer;
    const onFailure = (key: string, error: unknown): void =>
      options.log(`identity of ${key}: ${(error as Error).message}`);
    this.#queue = new WorkQueue({ name: "identities", workers: WORKERS, firstRetry: 100, onFailure }, (key) =>
      this.#work(key),
    );
  }

  /** Begins to work, until the signal aborts. */
  start(signal: AbortSignal): void {
    this.#queue.start();
    const timer = setInterval(() => this.look(), LOOK_PERIOD);
    this.#timers.push(timer);
    signal.addEventListener("abort", () => {
      for (const one of this.#timers) clearTimeout(one);
      void this.#queue.stop();
    });
  }

  /** Looks at all of them again, as when this replica has come to lead. */
  look(): void {
    for (const key of this.#accounts.keys()) this.#queue.add(key);
  }

  /** Has an account's certificates made where they are missing, and kept. */
  want(account: Account): void {
    const key = keyOf(account);
    this.#accounts.set(key, account);
    this.#queue.add(key);
  }

  /** Takes note that nobody runs under an account any more. */
  forget(account: Account): void {
    const key = keyOf(account);
    this.#accounts.delete(key);
    this.#certificates.delete(key);
  }

  /** The certificate of an account; undefined until it is made. */
  get(account: Account): WorkloadCertificate | undefined {
    const pair = this.#certificates.get(keyOf(account));
    return pair && { certificate: pair.certificate, privateKey: pair.key, authorities: this.#trusted() };
  }

  /**
   * Changes the authority: all trust the new one at once and show its certificates a little later, and the old one
   * stays trusted, so that no connection fails on the way.
   */
  setAuthority(next: MeshAuthority): void {
    const before = this.#authority.signer.certificate;
    if (sameValue(next, { ...this.#authority, others: next.others })) {
      if (sameValue(next.others, this.#authority.others)) return;
    }
    const isNew = next.signer.certificate !== before;
    this.#authority = isNew ? { ...next, others: [...next.others, before] } : next;
    for (const account of this.#accounts.values()) this.#options.onChange(account);
    if (!isNew) return;
    const timer = setTimeout(() => {
      this.#signer = next.signer;
      this.look();
    }, TRUST_FIRST);
    this.#timers.push(timer);
  }

  #trusted(): string {
    const { signer, others } = this.#authority;
    return [...new Set([signer.certificate, ...others].map((text) => `${text.trim()}\n`))].join("");
  }

  async #work(key: string): Promise<void> {
    const account = this.#accounts.get(key);
    if (account === undefined) return;
    const { files } = this.#options;
    await Promise.all([files && this.#putSecret(account, files), this.#issue(key, account)]);
  }

  async #issue(key: string, account: Account): Promise<void> {
    const signer = this.#signer;
    if (isGood(this.#certificates.get(key), signer)) return;
    const made = await issueCertificate(signer, {
      commonName: "tandem-workload",
      subjectAltNames: [`URI:${this.#options.identityOf(account)}`],
      usages: ["serverAuth", "clientAuth"],
      days: WORKLOAD_DAYS,
    });
    if (!this.#accounts.has(key)) return;
    this.#certificates.set(key, made);
    this.#options.onChange(account);
  }

  async #putSecret(account: Account, files: Readonly<Record<string, string>>): Promise<void> {
    const { client, identityOf } = this.#options;
    const { namespace } = account;
    const name = identitySecretName(account.account);
    const current = await unless(404, client.get<Secret>(KINDS.Secret, name, namespace));
    if (current !== undefined && this.#options.leads?.() === false) return;
    const all = { ...files, "ca.crt": this.#trusted() };
    const data = await clientData({ authority: this.#signer, files: all }, identityOf(account), current);
    if (current !== undefined && sameValue(current.data, data)) return;
    const secret = { metadata: { name, namespace }, type: "kubernetes.io/tls", data };
    if (current === undefined)
      // 409: another replica was quicker; 404: the namespace is gone
      await unless(409, unless(404, client.create(KINDS.Secret, secret)));
    else await client.patch(KINDS.Secret, name, namespace, { data }, { type: "merge" });
  }
}

function keyOf({ namespace, account }: Account): string {
  return `${namespace}/${account}`;
}

function isGood(pair: KeyPair | undefined, signer: KeyPair): boolean {
  if (pair === undefined || daysLeft(pair.certificate) < RENEW_DAYS) return false;
  return new X509Certificate(pair.certificate).verify(new X509Certificate(signer.certificate).publicKey);
}

/** Undefined where the API server answers with this code. */
async function unless<T>(code: number, call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ApiError && error.code === code) return undefined;
    throw error;
  }
}
