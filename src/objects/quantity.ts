/** Resource quantities in their canonical form (apimachinery pkg/api/resource/quantity.go). */

const SHAPE = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([a-zA-Z]*)([+-]?[0-9]*)$/;
const DECIMAL: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  "": 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const BINARY: Readonly<Record<string, number>> = { Ki: 1, Mi: 2, Gi: 3, Ti: 4, Pi: 5, Ei: 6 };
const NANO = 1_000_000_000n;

/** The texts of malformed quantities, as the server words them. */
export const QUANTITY_ERRORS = {
  format: "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  suffix: "unable to parse quantity's suffix",
} as const;

/** A number of billionths, and how it wants to be written. */
export interface Quantity {
  readonly nanos: bigint;
  readonly format: "decimal" | "exponent" | "binary";
}

/**
 * Reads a quantity such as `500m`, `1.5Gi` or `2e3`; fractions below a billionth round up.
 * @returns the quantity, or the server's error text
 */
export function parseQuantity(text: string): Quantity | string {
  const match = SHAPE.exec(text);
  if (match === null) return QUANTITY_ERRORS.format;
  const [, sign = "", whole = "", fraction = "", letters = "", digits = ""] = match;
  if (whole === "" && fraction === "") return QUANTITY_ERRORS.format;
  const scale = readSuffix(letters, digits);
  if (scale === undefined) return QUANTITY_ERRORS.suffix;
  const mantissa = BigInt(whole + fraction);
  const magnitude = scaleToNanos(mantissa, fraction.length, scale);
  return { nanos: sign === "-" ? -magnitude : magnitude, format: scale.format };
}

interface Scale {
  readonly format: Quantity["format"];
  readonly exponent: number;
}

function readSuffix(letters: string, digits: string): Scale | undefined {
  if ((letters === "e" || letters === "E") && /^[+-]?[0-9]+$/.test(digits)) {
    return { format: "exponent", exponent: Number(digits) };
  }
  if (digits !== "") return undefined;
  const binary = BINARY[letters];
  if (binary !== undefined) return { format: "binary", exponent: binary };
  const decimal = DECIMAL[letters];
  return decimal === undefined ? undefined : { format: "decimal", exponent: decimal };
}

function scaleToNanos(mantissa: bigint, fractionDigits: number, scale: Scale): bigint {
  if (scale.format === "binary") {
    return divideUp(mantissa * 1024n ** BigInt(scale.exponent) * NANO, 10n ** BigInt(fractionDigits));
  }
  const exponent = Math.max(-30, Math.min(30, scale.exponent)) + 9 - fractionDigits;
  return exponent >= 0 ? mantissa * 10n ** BigInt(exponent) : divideUp(mantissa, 10n ** BigInt(-exponent));
}

function divideUp(value: bigint, divisor: bigint): bigint {
  return (value + divisor - 1n) / divisor;
}

/** The canonical text: the largest suffix that leaves a whole number. */
function formatQuantity(quantity: Quantity): string {
  const { nanos, format } = quantity;
  if (nanos === 0n) return "0";
  const whole = nanos % NANO === 0n ? nanos / NANO : undefined;
  if (format === "binary" && whole !== undefined && (whole >= 1024n || whole <= -1024n)) {
    return formatBinary(whole);
  }
  return formatDecimal(nanos, format === "exponent");
}

function formatBinary(whole: bigint): string {
  let rest = whole;
  let steps = 0;
  while (steps < 6 && rest % 1024n === 0n) {
    rest /= 1024n;
    steps++;
  }
  return `${rest}${["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][steps]}`;
}

function formatDecimal(nanos: bigint, exponential: boolean): string {
  let rest = nanos;
  let exponent = -9;
  while (exponent < 18 && rest % 1000n === 0n) {
    rest /= 1000n;
    exponent += 3;
  }
  if (exponential) return exponent === 0 ? `${rest}` : `${rest}e${exponent}`;
  const suffix = Object.keys(DECIMAL).find((key) => DECIMAL[key] === exponent) ?? "";
  return `${rest}${suffix}`;
}

/** The canonical text of a quantity's text; undefined when it is malformed. */
export function canonicalQuantity(text: string): string | undefined {
  const quantity = parseQuantity(text);
  return typeof quantity === "string" ? undefined : formatQuantity(quantity);
}
