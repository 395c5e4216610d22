/** What a proxy's routes and listeners name: destinations, certificates and trust, each once however many need it. */
import { keepEntries } from "./equality.ts";
import type { Certificate, Destination, ProxyModel, TrustBundle } from "./model.ts";
import type { TokenPolicy } from "./policy-model.ts";
import { Pool } from "./pool.ts";
import type { Resolution } from "./resolution.ts";
import { withClientCertificate } from "./routes/client-certificate.ts";
import type { Needs } from "./routes/types.ts";
import { clientCertificateName } from "./sites.ts";

type Named = Pick<ProxyModel, "destinations" | "certificates" | "trust" | "tokens">;

const NONE: ReadonlyMap<string, TokenPolicy> = new Map();

/** What the routes of one proxy need, counted; what its listeners need joins it when it is taken. */
export class NeededEntries {
  readonly #destinations = new Pool<Destination>();
  readonly #certificates = new Pool<Certificate>();
  readonly #trust = new Pool<TrustBundle>();
  readonly #tokens = new Pool<TokenPolicy>();

  /** Counts what a route needs; the Gateway's certificate, if it has one, is shown to the route's destinations. */
  add({ destinations, certificates, trust, tokens = NONE }: Needs, resolution: Resolution): void {
    const client = clientCertificateName(resolution);
    for (const [key, value] of destinations)
      this.#destinations.add(key, client === undefined ? value : withClientCertificate(value, client));
    for (const [key, value] of certificates) this.#certificates.add(key, value);
    for (const [key, value] of trust) this.#trust.add(key, value);
    for (const [key, value] of tokens) this.#tokens.add(key, value);
  }

  /** Counts it less; what nobody needs any more stays until {@link sweep}. */
  release({ destinations, certificates, trust, tokens = NONE }: Needs): void {
    for (const key of destinations.keys()) this.#destinations.release(key);
    for (const key of certificates.keys()) this.#certificates.release(key);
    for (const key of trust.keys()) this.#trust.release(key);
    for (const key of tokens.keys()) this.#tokens.release(key);
  }

  /** Drops what nobody needs any more. */
  sweep(): void {
    for (const pool of [this.#destinations, this.#certificates, this.#trust, this.#tokens]) pool.sweep();
  }

  /** All of it as of now, with what the listeners need; maps that are as before are the very same. */
  take(before: Named | undefined, resolution: Resolution): Named {
    const tokens = this.#tokens.take();
    return {
      ...(tokens.size > 0 && { tokens }),
      destinations: this.#destinations.take(),
      certificates: this.#allCertificates(before?.certificates, resolution),
      trust: this.#allTrust(before?.trust, resolution),
    };
  }

  #allCertificates(
    before: ReadonlyMap<string, Certificate> | undefined,
    resolution: Resolution,
  ): ReadonlyMap<string, Certificate> {
    const all = new Map(this.#certificates.take());
    for (const { security, serves } of resolution.listeners)
      if (serves) for (const certificate of security?.certificates ?? []) put(all, certificate);
    const client = resolution.clientCertificate;
    if (client !== undefined && client.reason === undefined) put(all, client.certificate);
    return keepEntries(before, all);
  }

  #allTrust(
    before: ReadonlyMap<string, TrustBundle> | undefined,
    resolution: Resolution,
  ): ReadonlyMap<string, TrustBundle> {
    const all = new Map(this.#trust.take());
    for (const { security, serves } of resolution.listeners)
      if (serves) for (const bundle of security?.trust ?? []) put(all, bundle);
    return keepEntries(before, all);
  }
}

/** Adds an entry; one that several need has the origins of all. */
function put<T extends { readonly name: string; readonly origins: readonly unknown[] }>(
  all: Map<string, T>,
  entry: T,
): void {
  const there = all.get(entry.name);
  all.set(
    entry.name,
    there === undefined ? entry : { ...there, origins: [...there.origins, ...entry.origins] },
  );
}
