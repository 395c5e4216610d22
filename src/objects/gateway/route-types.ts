/** The routes of the Gateway API (v1.6.3, all at v1; experimental fields included) as they are on the wire. */
import type { Condition, KubeObject } from "../types.ts";
import type { ObjectReference, ParentReference } from "./types.ts";

/** What all kinds of routes have. */
export interface RouteObject extends KubeObject {
  spec: { parentRefs?: ParentReference[]; hostnames?: string[] };
  status?: RouteStatus;
}

export interface RouteStatus {
  parents: RouteParentStatus[];
}

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

export interface HTTPRoute extends RouteObject {
  spec: { parentRefs?: ParentReference[]; hostnames?: string[]; rules?: HTTPRouteRule[] };
}

export interface HTTPRouteRule {
  name?: string;
  matches?: HTTPRouteMatch[];
  filters?: HTTPRouteFilter[];
  backendRefs?: HTTPBackendRef[];
  timeouts?: { request?: string; backendRequest?: string };
  retry?: { codes?: number[]; attempts?: number; backoff?: string };
  sessionPersistence?: SessionPersistenceSpec;
}

export interface SessionPersistenceSpec {
  sessionName?: string;
  absoluteTimeout?: string;
  type?: "Cookie" | "Header";
  cookieConfig?: { lifetimeType?: "Session" | "Permanent" };
}

export interface HTTPRouteMatch {
  path?: { type?: "Exact" | "PathPrefix" | "RegularExpression"; value?: string };
  headers?: NamedMatch[];
  queryParams?: NamedMatch[];
  method?: string;
}

export interface NamedMatch {
  type?: "Exact" | "RegularExpression";
  name: string;
  value: string;
}

export interface HTTPBackendRef extends BackendRef {
  filters?: HTTPRouteFilter[];
}

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

export interface HeaderModifier {
  set?: { name: string; value: string }[];
  add?: { name: string; value: string }[];
  remove?: string[];
}

export interface HTTPPathModifier {
  type: "ReplaceFullPath" | "ReplacePrefixMatch";
  replaceFullPath?: string;
  replacePrefixMatch?: string;
}

export interface GRPCRoute extends RouteObject {
  spec: { parentRefs?: ParentReference[]; hostnames?: string[]; rules?: GRPCRouteRule[] };
}

export interface GRPCRouteRule {
  name?: string;
  matches?: GRPCRouteMatch[];
  /** Of the types RequestHeaderModifier, ResponseHeaderModifier, RequestMirror and ExtensionRef. */
  filters?: HTTPRouteFilter[];
  backendRefs?: HTTPBackendRef[];
  sessionPersistence?: SessionPersistenceSpec;
}

export interface GRPCRouteMatch {
  method?: { type?: "Exact" | "RegularExpression"; service?: string; method?: string };
  headers?: NamedMatch[];
}

/** The rule of a TLSRoute, TCPRoute or UDPRoute. */
export interface StreamRouteRule {
  name?: string;
  backendRefs?: BackendRef[];
}

export interface TLSRoute extends RouteObject {
  spec: { parentRefs?: ParentReference[]; hostnames?: string[]; rules?: StreamRouteRule[] };
}

export interface TCPRoute extends RouteObject {
  spec: { parentRefs?: ParentReference[]; rules?: StreamRouteRule[] };
}

export interface UDPRoute extends RouteObject {
  spec: { parentRefs?: ParentReference[]; rules?: StreamRouteRule[] };
}

/** Any route. */
export type AnyRoute = HTTPRoute | GRPCRoute | TLSRoute | TCPRoute | UDPRoute;
