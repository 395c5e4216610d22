/** Probes of containers that look at one family alone. Pure. */
import { familyOfText } from "../../ip/address.ts";
import { type Family, otherFamily } from "../../ip/family.ts";
import { asObject, at, type Path, type Remark, textsOf } from "./model.ts";

const PROBES = ["livenessProbe", "readinessProbe", "startupProbe"] as const;
const LITERAL = /(?:^|[\s/"'=@])(127\.0\.0\.1|\[?::1\]?)(?=$|[\s:/"';])/;

/** Judges the probes of a container; kubelets probe the pod's first address where no host is given. */
export function judgeProbes(
  container: Readonly<Record<string, unknown>>,
  path: Path,
  families: readonly Family[],
): Remark[] {
  if (families.length < 2) return [];
  return PROBES.flatMap((name) => {
    const probe = asObject(container[name]);
    const place = [...path, name];
    return [
      ...judgeHost(probe, "httpGet", place),
      ...judgeHost(probe, "tcpSocket", place),
      ...judgeCommand(textsOf(at(probe, ["exec", "command"])), [...place, "exec", "command"]),
    ];
  });
}

function judgeHost(probe: Readonly<Record<string, unknown>>, kind: string, path: Path): Remark[] {
  const host = at(probe, [kind, "host"]);
  const family = typeof host === "string" ? familyOfText(host.replace(/[[\]]/g, "")) : undefined;
  if (family === undefined) return [];
  return [
    note(
      [...path, kind, "host"],
      `the kubelet probes ${String(host)} from the node, over ${family} alone, whatever the pod's addresses are`,
      "leave host out: the pod's first address is probed then",
    ),
  ];
}

function judgeCommand(words: readonly string[], path: Path): Remark[] {
  const index = words.findIndex((word) => LITERAL.test(word));
  if (index < 0) return [];
  const address = LITERAL.exec(words[index] ?? "")?.[1] ?? "";
  const family = address.includes(":") ? "IPv6" : "IPv4";
  const message = `the probe asks ${address}: the pod is ready however dead it is over ${otherFamily(family)}`;
  return [note([...path, index], message, `ask 127.0.0.1 and [::1], or run tandem matrix for both families`)];
}

function note(path: Path, message: string, next: string): Remark {
  return { code: "probe-one-family", level: "note", path, message, next };
}
