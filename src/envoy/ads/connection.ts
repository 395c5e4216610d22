import type { Refused } from "./acknowledge.ts";
import type { Counters } from "./counters.ts";
import type { NodeInfo, Response } from "./messages.ts";
import { plan } from "./plan.ts";
import { kindStatuses, type StreamStatus } from "./status.ts";
import { kindOf, type Protocol } from "./stream.ts";
import type { ResourceTable } from "./table.ts";
import { oldestMissing } from "./progress.ts";
import { createView, noteChange, type View } from "./view.ts";
import type { ResourceChange } from "../resources.ts";

/** What a stream's transport knows about its other end. */
export type PeerStatus = Pick<StreamStatus, "protocol" | "peer" | "family" | "connectedAt">;

/** The transport of one stream. */
export interface Sink<Request> {
  readonly protocol: Protocol<Request>;
  readonly peer: PeerStatus;
  /** Writes a response; gives its bytes' number. */
  write(response: Response): number;
  /** Ends the stream; a client comes back after a while. */
  fail(why: string): void;
}

/** What a connection tells the proxy that it belongs to. */
export interface ConnectionEvents {
  refused(node: NodeInfo, refused: readonly Refused[]): void;
  /** Something was answered or came in: whoever waits for acknowledgements should look. */
  progressed(): void;
}

/** One stream of one client of a proxy. */
export interface Connection {
  /** Whether its table is there, so that it is served. */
  begin(table: ResourceTable): void;
  changed(changes: readonly ResourceChange[]): void;
  flush(): void;
  /** The oldest revision of the table that is not wholly with the client; infinity where it has all. */
  oldestMissing(): number;
  status(): StreamStatus | undefined;
  /** Ends the stream; the client will come back. */
  drop(why: string): void;
  close(): void;
}

/** A connection, and the end into which its requests go. */
export interface Receiver<Request> extends Connection {
  receive(request: Request): void;
}

/** Requests that a stream may have waiting while the configuration of its proxy is not known yet. */
const MAX_EARLY_REQUESTS = 64;

/** Serves one stream: requests in, responses out, with a timer for what waits. */
export function createConnection<Request extends { readonly typeUrl: string }>(
  node: NodeInfo,
  sink: Sink<Request>,
  events: ConnectionEvents,
  counters: Counters,
): Receiver<Request> {
  const early: Request[] = [];
  let view: View | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function receive(request: Request): void {
    if (closed) return;
    if (view !== undefined) {
      take(view, request);
      flush();
    } else if (early.push(request) > MAX_EARLY_REQUESTS)
      sink.fail("too many requests before the first answer");
  }

  function take(on: View, request: Request): void {
    const received = sink.protocol.receive(on, request, Date.now());
    const kind = kindOf(request.typeUrl);
    if (kind === undefined) return;
    if (received.type === "acknowledged") counters.kinds[kind].acknowledged++;
    if (received.type !== "refused") return;
    counters.kinds[kind].refusedResponses++;
    counters.kinds[kind].refusedResources += received.refused.length;
    if (received.refused.length > 0) events.refused(node, received.refused);
  }

  function flush(): void {
    if (view === undefined || closed) return;
    clearTimeout(timer);
    const now = Date.now();
    const { batches, wakeAt } = plan(view, now);
    for (const batch of batches) {
      const response = sink.protocol.respond(view, batch);
      const count = counters.kinds[response.kind];
      count.responses++;
      count.resourcesSent += batch.resources.length;
      count.removalsSent += batch.removed.length;
      count.bytesSent += sink.write(response);
    }
    if (wakeAt !== undefined) timer = setTimeout(flush, Math.max(1, wakeAt - now));
    events.progressed();
  }

  return {
    receive,
    flush,
    begin: (table) => {
      view = createView(table, Date.now());
      for (const request of early.splice(0)) take(view, request);
      flush();
    },
    changed: (changes) => {
      if (view === undefined) return;
      for (const { kind, name } of changes) noteChange(view, kind, name, Date.now());
    },
    oldestMissing: () => (view === undefined ? Number.POSITIVE_INFINITY : oldestMissing(view, Date.now())),
    status: () => view && statusOf(view, node, sink.peer),
    drop: (why) => sink.fail(why),
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** Who only asks whether there is a client does not pay for counting what it has. */
function statusOf(view: View, node: NodeInfo, peer: PeerStatus): StreamStatus {
  return {
    node: node.id,
    userAgent: node.userAgent,
    ...peer,
    get kinds() {
      return kindStatuses(view);
    },
  };
}
