/** What the Gateway side takes from the room of routes, under one roof. */
export { GATEWAY_GROUP } from "../../objects/gateway/index.ts";
export { recordingReferences } from "./routes/recording.ts";
export type { GrantFrom, LookupKey, RecordingReferences, References } from "./routes/types.ts";
