/** The matrix as text. */
import type { Family } from "../../ip/family.ts";
import { type Cell, type Matrix, PATHS, type Path, type Row } from "./model.ts";

const SHORT: Record<Family, string> = { IPv4: "4", IPv6: "6" };

/** Symbols of the cells; plain ones for terminals without UTF-8. */
export interface Symbols {
  readonly ok: string;
  readonly failed: string;
  readonly none: string;
}

/** Symbols for terminals. */
export const UNICODE: Symbols = { ok: "✓", failed: "✗", none: "–" };
/** Symbols for outputs that may not know Unicode. */
export const ASCII: Symbols = { ok: "ok", failed: "FAIL", none: "-" };

/**
 * One row a Service, one column per path and family (`CLUSTERIP/6`). With `wide`, every failed attempt and the reason
 * of each empty cell follow below the table.
 */
export function printMatrix(matrix: Matrix, symbols: Symbols = UNICODE, wide = false): string {
  const columns = PATHS.flatMap((path) => matrix.families.map((family) => ({ path, family })));
  const header = [
    "NAMESPACE",
    "SERVICE",
    ...columns.map(({ path, family }) => `${path.toUpperCase()}/${SHORT[family]}`),
  ];
  const lines = matrix.rows.map((row) => [
    row.namespace,
    row.name,
    ...columns.map(({ path, family }) => cellText(row.cells[path][family], symbols)),
  ]);
  const details = matrix.rows.flatMap((row) => detailsOf(row, matrix.families, wide));
  return [formatColumns([header, ...lines]), ...(details.length > 0 ? ["", ...details] : [])].join("\n");
}

function cellText(cell: Cell | undefined, symbols: Symbols): string {
  if (cell === undefined || cell.state === "none") return symbols.none;
  return cell.state === "ok" ? symbols.ok : `${symbols.failed} ${cell.reason}`;
}

const MAX_FAILURES_PER_CELL = 4;

function detailsOf(row: Row, families: readonly Family[], wide: boolean): string[] {
  return PATHS.flatMap((path) => families.flatMap((family) => cellDetails(row, path, family, wide)));
}

function cellDetails(row: Row, path: Path, family: Family, wide: boolean): string[] {
  const cell = row.cells[path][family];
  const where = `${row.namespace}/${row.name} ${path} over ${family}`;
  if (cell?.state === "none" && wide) return [`${where}: nothing to try: ${cell.reason}`];
  if (cell?.state !== "failed") return [];
  const why = ({ reason, hint }: { reason: string; hint?: string }) =>
    hint ? `${reason} (${hint})` : reason;
  if (cell.failures.length === 0) return [`${where}: ${why(cell)}`];
  const shown = wide ? cell.failures : cell.failures.slice(0, MAX_FAILURES_PER_CELL);
  const rest = cell.failures.length - shown.length;
  return [
    ...shown.map(
      (failure) =>
        `${where}: ${failure.target} from a client with ${clientText(failure.client)}: ${why(failure)}`,
    ),
    ...(rest > 0 ? [`${where}: and ${rest} more (tandem matrix -o wide shows all)`] : []),
  ];
}

function clientText(client: string): string {
  return client === "dual" ? "both families" : `${client.replace("ip", "IP")} only`;
}

/** Left-aligned columns, three spaces apart, as kubectl prints them. */
export function formatColumns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows
    .map((row) =>
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join("   ")
        .trimEnd(),
    )
    .join("\n");
}
