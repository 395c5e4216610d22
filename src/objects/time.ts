/** Times as objects carry them: RFC 3339 in UTC, with seconds (`metav1.Time`) or microseconds (`metav1.MicroTime`). */

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/;
const PLAIN = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** `2026-01-01T00:00:00Z`: a moment in whole seconds. */
export function formatTime(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** `2026-01-01T00:00:00.000000Z`: a moment in microseconds, as Leases carry it. */
export function formatMicroTime(date: Date): string {
  return `${date.toISOString().slice(0, 23)}000Z`;
}

/**
 * Brings a time to the form that the server writes. Null stands for the zero time.
 * @returns undefined when the text is no RFC 3339 time
 */
export function canonicalTime(text: string, micro: boolean): string | null | undefined {
  if (!micro && PLAIN.test(text) && !text.startsWith("0001-") && isRealDate(text)) return text;
  const match = RFC3339.exec(text);
  if (match === null || !isRealDate(text)) return undefined;
  const zone = match[8] ?? "Z";
  const seconds = zone === "Z" ? text.slice(0, 19) : shiftToUtc(text.slice(0, 19), zone);
  const fraction = (match[7] ?? "").padEnd(6, "0").slice(0, 6);
  if (seconds === "0001-01-01T00:00:00" && /^0*$/.test(fraction)) return null;
  return micro ? `${seconds}.${fraction}Z` : `${seconds}Z`;
}

function isRealDate(text: string): boolean {
  const day = Number(text.slice(8, 10));
  const date = new Date(`${text.slice(0, 19)}Z`);
  return !Number.isNaN(date.getTime()) && date.getUTCDate() === day;
}

function shiftToUtc(local: string, zone: string): string {
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  const offset = (zone.startsWith("-") ? -minutes : minutes) * 60_000;
  return new Date(new Date(`${local}Z`).getTime() - offset).toISOString().slice(0, 19);
}

/** The error text of Go's time.Parse for a text that is no RFC 3339 time. */
export function timeError(text: string, micro: boolean): string {
  const layout = micro ? "2006-01-02T15:04:05.000000Z07:00" : "2006-01-02T15:04:05Z07:00";
  const steps: readonly [RegExp, string][] = [
    [/^\d{4}/, "2006"],
    [/^-/, "-"],
    [/^\d\d/, "01"],
    [/^-/, "-"],
    [/^\d\d/, "02"],
    [/^T/, "T"],
    [/^\d\d/, "15"],
    [/^:/, ":"],
    [/^\d\d/, "04"],
    [/^:/, ":"],
    [/^\d\d/, "05"],
    [/^(?:[.,]\d+)?/, ""],
    [/^(?:Z|[+-]\d\d:\d\d)/, "Z07:00"],
  ];
  const head = `parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}:`;
  let rest = text;
  for (const [shape, element] of steps) {
    const match = shape.exec(rest);
    if (match === null) return `${head} cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(element)}`;
    rest = rest.slice(match[0].length);
  }
  if (rest !== "") return `parsing time ${JSON.stringify(text)}: extra text: ${JSON.stringify(rest)}`;
  return `parsing time ${JSON.stringify(text)}: day out of range`;
}

/**
 * How old something is, as kubectl prints it: `5s`, `3m20s`, `4d`, `2y30d` (apimachinery duration.HumanDuration).
 * @param milliseconds may be negative; a little so counts as `0s`
 */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return pair(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return pair(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 24 * 8) return pair(days, "d", hours % 24, "h");
  if (hours < 24 * 365 * 2) return `${days}d`;
  const years = Math.floor(days / 365);
  return hours < 24 * 365 * 8 ? pair(years, "y", days % 365, "d") : `${years}y`;
}

function pair(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit}${small}${smallUnit}`;
}
