import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3600_000, d: 86_400_000 };

/** Milliseconds of a text as `90s`, `10m`, `1h30m`, `2d`; a bare number has no unit and is refused, except 0. */
function durationOf(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^([0-9]+(\.[0-9]+)?(ms|[smhd]))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, number, , unit] of text.matchAll(/([0-9]+(\.[0-9]+)?)(ms|[smhd])/g))
    total += Number(number) * (UNITS[unit ?? ""] ?? 0);
  return total;
}

/** The value of a flag that is a duration, in milliseconds. @throws UserError */
export function parseDurationFlag(flag: string, text: string): number {
  const milliseconds = durationOf(text);
  if (milliseconds !== undefined) return milliseconds;
  throw new UserError({
    what: "cannot read a duration",
    where: `flag ${flag}, value ${JSON.stringify(text)}`,
    why: "a duration is numbers with units: ms, s, m, h or d",
    next: `for example ${flag}=1h30m`,
    exitCode: EXIT.usage,
  });
}
