/** From plans and results to the matrix: pure. */
import { mapFamilies, type PerFamily } from "../../ip/family.ts";
import type { Family } from "../../ip/family.ts";
import { NO_ANSWER, type ProbeRequest, type ProbeResult, UDP_LINE } from "../probe/protocol.ts";
import {
  type Cell,
  type ClientKind,
  type Failure,
  type Matrix,
  PATHS,
  type Path,
  type Row,
} from "./model.ts";
import { hintOfMismatch } from "./proxy-protocol.ts";
import { type CellPlan, mayExpect, mayTry, type PlannedRequest, type RowPlan } from "./plan.ts";

/** The requests that one kind of client is to try. Identities are the same for every client. */
export function requestsFor(client: ClientKind, plans: readonly RowPlan[]): ProbeRequest[] {
  return plans.flatMap((plan) =>
    PATHS.flatMap((path) =>
      eachFamily(plan.cells[path]).flatMap(([family, cell]) =>
        cell.kind === "try" && mayTry(client, path, family)
          ? cell.requests.flatMap((request, index) =>
              mayExpect(client, request)
                ? [{ ...request.probe, id: identity(plan, path, family, index) }]
                : [],
            )
          : [],
      ),
    ),
  );
}

/** Results of one client by the identity of the request. */
export type ClientResults = ReadonlyMap<string, ProbeResult>;

/** Judges every cell by what each kind of client found. A client without results counts as failing. */
export function judgeMatrix(
  families: readonly Family[],
  clients: readonly ClientKind[],
  plans: readonly RowPlan[],
  results: ReadonlyMap<string, ClientResults>,
): Matrix {
  const rows = plans.map((plan) => judgeRow(plan, clients, results));
  const ok = rows.every((row) =>
    PATHS.every((path) => eachFamily(row.cells[path]).every(([, cell]) => cell.state !== "failed")),
  );
  return { families, clients: clients.map((client) => client.name), rows, ok };
}

function judgeRow(
  plan: RowPlan,
  clients: readonly ClientKind[],
  results: ReadonlyMap<string, ClientResults>,
): Row {
  const judgePath = (path: Path) =>
    mapFamilies(plan.cells[path], (cell, family) =>
      judgeCell(
        cell,
        clients.filter((client) => mayTry(client, path, family)),
        (client, index) => results.get(client.name)?.get(identity(plan, path, family, index)),
      ),
    );
  const { namespace, name, families } = plan.frontend;
  const cells = {
    DNS: judgePath("DNS"),
    ClusterIP: judgePath("ClusterIP"),
    NodePort: judgePath("NodePort"),
    Pod: judgePath("Pod"),
  };
  return { namespace, name, families, cells };
}

function judgeCell(
  plan: CellPlan,
  clients: readonly ClientKind[],
  resultOf: (client: ClientKind, index: number) => ProbeResult | undefined,
): Cell {
  if (plan.kind === "none") return { state: "none", reason: plan.reason };
  if (plan.kind === "fails") {
    return { state: "failed", reason: plan.reason, failures: [], ...(plan.hint && { hint: plan.hint }) };
  }
  if (emptyDns(plan.requests)) return judgeEmptyDns(plan.requests, clients, resultOf);
  const failures = failuresOf(plan.requests, clients, resultOf);
  const first = failures[0];
  if (first !== undefined) return { state: "failed", reason: first.reason, failures };
  const checks = clients.flatMap((client) => plan.requests.filter((request) => mayExpect(client, request)));
  if (checks.length === 0) return { state: "none", reason: NONE_IS_MEANT };
  return { state: "ok", checks: checks.length };
}

/** No other request is for some nodes only. */
const NONE_IS_MEANT = "internalTrafficPolicy is Local, and no client is on a node that has an endpoint";

/** A family that the Service does not have is right when DNS has no data for it: nothing to show, unless it answers. */
function judgeEmptyDns(
  requests: readonly PlannedRequest[],
  clients: readonly ClientKind[],
  resultOf: (client: ClientKind, index: number) => ProbeResult | undefined,
): Cell {
  const failures = failuresOf(requests, clients, resultOf);
  const first = failures[0];
  if (first !== undefined) return { state: "failed", reason: first.reason, failures };
  return { state: "none", reason: "no address of this family, and DNS says so (no data)" };
}

function emptyDns(requests: readonly PlannedRequest[]): boolean {
  return requests.every(({ probe }) => probe.kind === "dns" && probe.expected.length === 0);
}

function failuresOf(
  requests: readonly PlannedRequest[],
  clients: readonly ClientKind[],
  resultOf: (client: ClientKind, index: number) => ProbeResult | undefined,
): Failure[] {
  return clients.flatMap((client) =>
    requests.flatMap((request, index) => {
      if (!mayExpect(client, request)) return [];
      const result = resultOf(client, index);
      if (result?.ok === true && request.hollow !== true) return [];
      const reason = result?.ok === true ? "only its sidecar accepts" : (result?.reason ?? "not probed");
      const hint = hintOfMismatch(reason) ?? request.hint ?? hintOfSilence(reason, request);
      return [{ client: client.name, target: request.target, reason, ...(hint && { hint }) }];
    }),
  );
}

/** Over UDP a server that has nothing to say to a line it does not know looks like one that nothing reaches. */
function hintOfSilence(reason: string, { probe }: PlannedRequest): string | undefined {
  if (reason !== NO_ANSWER || probe.kind !== "udp" || probe.port === 53) return undefined;
  return `lost, or a server that says nothing to the line "${UDP_LINE}"`;
}

function identity(plan: RowPlan, path: Path, family: Family, index: number): string {
  return `${plan.frontend.key}|${path}|${family}|${index}`;
}

function eachFamily<T>(value: PerFamily<T>): [Family, T][] {
  return (Object.entries(value) as [Family, T | undefined][]).filter(
    (pair): pair is [Family, T] => pair[1] !== undefined,
  );
}
