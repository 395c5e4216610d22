/**
 * The fake over HTTP, at a free port of the loopback: EC2 and ELBv2 by the Query protocol, so that the real SDK runs
 * against it. Lists come in pages; a request that is not signed for the fake's region is refused.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { FakeAws } from "../fake.ts";
import { Refusal } from "../world.ts";
import { EC2_ACTIONS } from "./ec2.ts";
import { ELB_ACTIONS, type Listing } from "./elb.ts";
import { type Answer, Params, parseForm, toXml } from "./form.ts";

/**
 * What goes wrong with a request. `lost`: done, and the connection is cut. `hang`: done, and never answered. `stall`:
 * done, and the answer stops half-way. `page`: a proxy's HTML with status 502. `throttle`: refused as too fast. `deny`: no IAM
 * policy allows it.
 */
export type HttpFault = "lost" | "hang" | "stall" | "page" | "throttle" | "deny";

/** What the server is started with. */
export interface ServerOptions {
  readonly pageSize?: number;
  /** How long each request takes at least, in milliseconds. */
  readonly latencyMs?: number;
  readonly fault?: (action: string) => HttpFault | undefined;
}

/** The fake account behind HTTP. */
export interface FakeAwsServer {
  readonly url: string;
  /** The action of each request, in order. */
  readonly actions: readonly string[];
  close(): Promise<void>;
}

interface Service {
  readonly isEc2: boolean;
  readonly actions: typeof ELB_ACTIONS;
}

/** Starts serving; `close` cuts what is open. */
export async function serveFakeAws(aws: FakeAws, options: ServerOptions = {}): Promise<FakeAwsServer> {
  const actions: string[] = [];
  const server = createServer((request, response) => {
    void handle(aws, options, actions, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    actions,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function handle(
  aws: FakeAws,
  options: ServerOptions,
  log: string[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const params = new Params(parseForm(await text(request)));
  const action = params.text("Action");
  const isEc2 = params.text("Version") === "2016-11-15";
  const service = { isEc2, actions: isEc2 ? EC2_ACTIONS : ELB_ACTIONS };
  log.push(action);
  if (options.latencyMs !== undefined) await sleep(options.latencyMs);
  const fault = options.fault?.(action);
  if (fault === "page") return void response.writeHead(502).end("<html><body>Bad Gateway</body></html>");
  const reply = (status: number, xml: string) =>
    response.writeHead(status, { "content-type": "text/xml" }).end(xml);
  try {
    checkSignature(aws, request, service);
    if (fault === "throttle")
      throw new Refusal(isEc2 ? "RequestLimitExceeded" : "Throttling", "Rate exceeded");
    if (fault === "deny")
      throw new Refusal(isEc2 ? "UnauthorizedOperation" : "AccessDenied", "not authorized");
    const xml = answer(aws, service, action, params, options.pageSize ?? 1000);
    if (fault === "lost") request.socket.destroy();
    else if (fault === "stall") response.writeHead(200).write(xml.slice(0, xml.length / 2));
    else if (fault !== "hang") reply(200, xml);
  } catch (error) {
    if (!(error instanceof Refusal)) reply(500, failure(service, "InternalFailure", String(error)));
    else reply(error.code === "Throttling" ? 429 : 400, failure(service, error.code, error.message));
  }
}

function checkSignature(aws: FakeAws, request: IncomingMessage, service: Service): void {
  const scope = `/${aws.world.options.region}/${service.isEc2 ? "ec2" : "elasticloadbalancing"}/aws4_request`;
  const given = request.headers.authorization ?? "";
  if (!given.startsWith("AWS4-HMAC-SHA256 ")) throw new Refusal("MissingAuthenticationToken", "not signed");
  if (!given.includes(scope))
    throw new Refusal("SignatureDoesNotMatch", `Credential should be scoped to ${scope}`);
}

function answer(aws: FakeAws, service: Service, action: string, params: Params, pageSize: number): string {
  const perform = service.actions[action];
  if (perform === undefined) throw new Refusal("InvalidAction", `The action ${action} is not valid`);
  const made = (perform(aws, params) ?? {}) as Answer | { listing: Listing };
  const result = isListing(made) ? page(made.listing, service, params, pageSize) : made;
  if (service.isEc2)
    return `<${action}Response>${toXml(result, "item")}<requestId>1</requestId></${action}Response>`;
  const inner = `<${action}Result>${toXml(result, "member")}</${action}Result>`;
  return `<${action}Response>${inner}<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></${action}Response>`;
}

function isListing(made: Answer | { listing: Listing }): made is { listing: Listing } {
  return typeof made === "object" && "listing" in made;
}

/** The part of a list that a request asks for; the mark of the next part is where it begins. */
function page({ element, items }: Listing, { isEc2 }: Service, params: Params, pageSize: number): Answer {
  const start = Number(params.maybe(isEc2 ? "NextToken" : "Marker") ?? 0);
  const next = start + pageSize < items.length ? String(start + pageSize) : undefined;
  return { [element]: items.slice(start, start + pageSize), [isEc2 ? "nextToken" : "NextMarker"]: next };
}

function failure({ isEc2 }: Service, Code: string, Message: string): string {
  if (isEc2)
    return `<Response><Errors><Error>${toXml({ Code, Message }, "item")}</Error></Errors><RequestID>1</RequestID></Response>`;
  const error = toXml({ Type: "Sender", Code, Message }, "member");
  return `<ErrorResponse><Error>${error}</Error><RequestId>1</RequestId></ErrorResponse>`;
}
