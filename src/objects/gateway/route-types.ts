/** The routes of the Gateway API (v1.6.3, all at v1; experimental fields included) as they are on the wire. */
import type { Condition, KubeObject } from "../types.ts";
import type { ObjectReference, ParentReference } from "./types.ts";

/** What all kinds of routes have. */
export interface RouteObject extends KubeObject {
  spec: { parentRefs?: ParentReference[]; hostnames?: string[] };
  status?: RouteStatus;
}

/** What is told of a route, by parent. */
export interface RouteStatus {
  parents: RouteParentStatus[];
}

/** What one controller tells of a route at one parent. */
export interface RouteParentStatus {
  parentRef: ParentReference;
  controllerName: string;
  conditions: Condition[];
}

/** A backend and its share; `weight` is 1 by default. */
export interface BackendRef extends ObjectReference {
  port?: number;
  weight?: number;
}

/** An HTTPRoute. */
export interface HTTPRoute extends RouteObject {
  spec: { parentRefs?: ParentReference[]; hostnames?: string[]; rules?: HTTPRouteRule[] };
}

/** One rule of an HTTPRoute: matches, filters, backends. */
export interface HTTPRouteRule {
  name?: string;
  matches?: HTTPRouteMatch[];
  filters?: HTTPRouteFilter[];
  backendRefs?: HTTPBackendRef[];
  timeouts?: { request?: string; backendRequest?: string };
  retry?: { codes?: number[]; attempts?: number; backoff?: string };
  sessionPersistence?: SessionPersistenceSpec;
}

/** How a client is kept with a backend (GEP-1619). */
export interface SessionPersistenceSpec {
  sessionName?: string;
  absoluteTimeout?: string;
  type?: "Cookie" | "Header";
  cookieConfig?: { lifetimeType?: "Session" | "Permanent" };
}

/** What a request has to be like; all that is set has to hold. */
export interface HTTPRouteMatch {
  path?: { type?: "Exact" | "PathPrefix" | "RegularExpression"; value?: string };
  headers?: NamedMatch[];
  queryParams?: NamedMatch[];
  method?: string;
}

/** What a header or a parameter has to be like; `Exact` by default. */
export interface NamedMatch {
  type?: "Exact" | "RegularExpression";
  name: string;
  value: string;
}

/** A backend with filters of its own. */
export interface HTTPBackendRef extends BackendRef {
  filters?: HTTPRouteFilter[];
}

/** One filter: the field that `type` names is set. */
export interface HTTPRouteFilter {
  type: string;
  requestHeaderModifier?: HeaderModifier;
  responseHeaderModifier?: HeaderModifier;
  requestMirror?: {
    backendRef: BackendRef;
    percent?: number;
    fraction?: { numerator: number; denominator?: number };
  };
  requestRedirect?: {
    scheme?: string;
    hostname?: string;
    path?: HTTPPathModifier;
    port?: number;
    statusCode?: number;
  };
  urlRewrite?: { hostname?: string; path?: HTTPPathModifier };
  cors?: {
    allowOrigins?: string[];
    allowCredentials?: boolean;
    allowMethods?: string[];
    allowHeaders?: string[];
    exposeHeaders?: string[];
    maxAge?: number;
  };
  /** Experimental; not supported. */
  externalAuth?: unknown;
  extensionRef?: { group: string; kind: string; name: string };
}

/** Changes of headers. */
export interface HeaderModifier {
  set?: { name: string; value: string }[];
  add?: { name: string; value: string }[];
  remove?: string[];
}

/** A new path, or a new beginning of it. */
export interface HTTPPathModifier {
  type: "ReplaceFullPath" | "ReplacePrefixMatch";
  replaceFullPath?: string;
  replacePrefixMatch?: string;
}

/** A GRPCRoute. */
export interface GRPCRoute extends RouteObject {
  spec: { parentRefs?: ParentReference[]; hostnames?: string[]; rules?: GRPCRouteRule[] };
}

/** One rule of a GRPCRoute. */
export interface GRPCRouteRule {
  name?: string;
  matches?: GRPCRouteMatch[];
  /** Of the types RequestHeaderModifier, ResponseHeaderModifier, RequestMirror and ExtensionRef. */
  filters?: HTTPRouteFilter[];
  backendRefs?: HTTPBackendRef[];
  sessionPersistence?: SessionPersistenceSpec;
}

/** What a call has to be like; all that is set has to hold. */
export interface GRPCRouteMatch {
  method?: { type?: "Exact" | "RegularExpression"; service?: string; method?: string };
  headers?: NamedMatch[];
}

/** The rule of a TLSRoute, TCPRoute or UDPRoute. */
export interface StreamRouteRule {
  name?: string;
  backendRefs?: BackendRef[];
}

/** A TLSRoute: connections by their server name. */
export interface TLSRoute extends RouteObject {
  spec: { parentRefs?: ParentReference[]; hostnames?: string[]; rules?: StreamRouteRule[] };
}

/** A TCPRoute: all connections of a listener. */
export interface TCPRoute extends RouteObject {
  spec: { parentRefs?: ParentReference[]; rules?: StreamRouteRule[] };
}

/** A UDPRoute: all datagrams of a listener. */
export interface UDPRoute extends RouteObject {
  spec: { parentRefs?: ParentReference[]; rules?: StreamRouteRule[] };
}

/** Any route. */
export type AnyRoute = HTTPRoute | GRPCRoute | TLSRoute | TCPRoute | UDPRoute;
