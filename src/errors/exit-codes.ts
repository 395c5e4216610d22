/** Exit codes of every command (the set that istioctl's users know, after sysexits.h). */
export const EXIT = {
  ok: 0,
  /** Failed for a reason that is not the input's. */
  failed: 1,
  /** The command line itself is wrong: unknown flag, missing argument. */
  usage: 64,
  /** The input is wrong: a manifest, a flag's value, a process listing. */
  badInput: 65,
  /** The command worked and found something to report. */
  findings: 79,
} as const;
