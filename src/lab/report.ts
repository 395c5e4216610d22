import type { UserErrorParts } from "../errors/user-error.ts";

/** The steps of bringing a lab up, in their order. */
export type LabStep = "network" | "control-plane" | "nodes";

/** What a starting lab tells the host side, one JSON object a line on the report pipe (fd 3). */
export type Report =
  | { readonly type: "step"; readonly step: LabStep }
  | { readonly type: "failed"; readonly error: UserErrorParts };

/** File descriptors that the host side gives to the lab's first process. */
export const FD = { control: 0, report: 3, firstSocket: 4 } as const;

/** Written to the control pipe: from now on the lab outlives its parent. */
export const DETACH = "detach\n";
