import { listenerLevels, pick, recordingPolicies } from "./pick.ts";
import type { ClientSettings, PolicyReferences, PolicySite } from "./types.ts";

/** What ClientTrafficPolicies say about a listener: the one for the listener, else that of its owner, else the Gateway's. */
export function clientSettings(site: PolicySite, references: PolicyReferences): ClientSettings {
  const recording = recordingPolicies(references);
  const { client, tls } = pick("ClientTrafficPolicy", listenerLevels(site), recording)?.compiled ?? {};
  return { ...(client && { policy: client }), ...(tls && { tls }), lookups: recording.lookups };
}
