/**
 * What the mesh's own servers show, and whom they let in, over a change of the authority: clients of both are let in at
 * once, and the certificate is another one when sidecars and the API server have been told of the new authority.
 */
import { issueServerCertificate } from "../../controllers/gateway/index.ts";
import type { AdsCertificates } from "../../envoy/ads/index.ts";
import type { KeyPair } from "../../pki/issue.ts";

/** Sidecars know the new authority by then: kubelets bring Secrets into pods within about a minute. Milliseconds. */
const SHOW_AFTER = 90_000;

/** What {@link ServerCredentials} works with; `advertise` are the names and addresses in the certificate. */
export interface ServerCredentialsOptions {
  readonly clusterDomain: string;
  readonly advertise: readonly string[];
  /** Tells the API server of {@link ServerCredentials.authorities}, where that is for this replica to do. */
  readonly register: () => Promise<void>;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Takes a certificate over, for the connections that follow. */
type Taker<T> = (certificates: T) => void;

/** The servers' certificate; those that show it are told of the next one. */
export class ServerCredentials {
  readonly #options: ServerCredentialsOptions;
  readonly #webhooks: Taker<KeyPair>[] = [];
  readonly #xds: Taker<AdsCertificates>[] = [];
  /** Authorities of clients, PEM texts. */
  readonly #trusted: string[];
  #certificate: KeyPair;

  /** @throws UserError where the authority cannot sign for these names */
  static async create(options: ServerCredentialsOptions, authority: KeyPair): Promise<ServerCredentials> {
    const { clusterDomain, advertise } = options;
    const certificate = await issueServerCertificate(authority, clusterDomain, advertise);
    return new ServerCredentials(options, authority, certificate);
  }

  private constructor(options: ServerCredentialsOptions, authority: KeyPair, certificate: KeyPair) {
    this.#options = options;
    this.#certificate = certificate;
    this.#trusted = [authority.certificate.trim()];
  }

  /** What the webhook shows now. */
  get certificate(): KeyPair {
    return this.#certificate;
  }

  /** What the xDS server shows now, and whom it lets in. */
  get xds(): AdsCertificates {
    const { certificate, key } = this.#certificate;
    return { certificate, key, clientCa: this.#bundle() };
  }

  /** Whose certificates the servers show, or will. */
  get authorities(): Pick<KeyPair, "certificate"> {
    return { certificate: this.#bundle() };
  }

  /** Tells a webhook of the next certificates. */
  onWebhook(take: Taker<KeyPair>): void {
    this.#webhooks.push(take);
  }

  /** Tells an xDS server of the next certificates and authorities. */
  onXds(take: Taker<AdsCertificates>): void {
    this.#xds.push(take);
  }

  /** Takes in that another authority signs from now on; nothing happens if it is the newest that is known. */
  change(signer: KeyPair): void {
    if (this.#trusted[0] === signer.certificate.trim()) return;
    const { log, signal, register } = this.#options;
    this.#trusted.unshift(signer.certificate.trim());
    // other replicas may be quicker to show their certificates
    register().catch((error: unknown) => this.#fail(error));
    for (const take of this.#xds) take(this.xds);
    log("another authority signs from now on; this process shows a certificate of it in 90 s");
    const timer = setTimeout(() => void this.#show(signer), SHOW_AFTER);
    signal.addEventListener("abort", () => clearTimeout(timer));
  }

  async #show(signer: KeyPair): Promise<void> {
    const { clusterDomain, advertise, register, log } = this.#options;
    try {
      const made = await issueServerCertificate(signer, clusterDomain, advertise);
      await register();
      if (this.#trusted[0] !== signer.certificate.trim()) return;
      this.#certificate = made;
      for (const take of this.#webhooks) take(made);
      for (const take of this.#xds) take(this.xds);
      log("this process shows a certificate of the new authority");
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    const { log, signal } = this.#options;
    if (!signal.aborted) log(`a new authority: ${(error as Error).message}`);
  }

  #bundle(): string {
    return this.#trusted.map((text) => `${text}\n`).join("");
  }
}
