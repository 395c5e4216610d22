import type { ServiceNetwork } from "../allocation/ledger.ts";
import type { Admission } from "./admission/admission.ts";
import type { Store } from "../store/contract.ts";
import type { Access } from "./auth/access.ts";
import type { Resources } from "./registry/resources.ts";

/** What request handlers work with. */
export interface ApiContext {
  readonly store: Store<string>;
  readonly resources: Resources;
  readonly network: ServiceNetwork;
  readonly access: Access;
  /** The certificate that kubelets know this server by. */
  readonly kubeletClient: { readonly ca: string; readonly cert: string; readonly key: string };
  /** Webhooks that are asked about writes. */
  readonly admission: Admission;
  readonly now: () => Date;
  readonly log: (text: string) => void;
  /** Aborted when the server closes: ends watches and streams. */
  readonly closing: AbortSignal;
}
