/** Settings of runtimes, pods and networks that switch a family off. Pure. */
import type { Family } from "../../ip/family.ts";
import { asList, asObject, at, type Path, type Remark } from "./model.ts";
import type { Word } from "./words.ts";

interface Running {
  readonly container: Readonly<Record<string, unknown>>;
  readonly words: readonly Word[];
  readonly env: readonly Readonly<Record<string, unknown>>[];
  readonly program: string | undefined;
  readonly path: Path;
}

/** Variables that switch IPv6 off, and what to set. */
const OFF: Readonly<Record<string, { value: RegExp; next: string }>> = {
  FELIX_IPV6SUPPORT: {
    value: /^(false|0)$/i,
    next: 'set it to "true", IP6 to autodetect, and add an IPv6 IPPool',
  },
  IP6: { value: /^none$/i, next: "set it to autodetect" },
  ENABLE_IPv6: {
    value: /^false$/i,
    next: 'set it to "true" (the VPC CNI of AWS: clusters are IPv4 or IPv6)',
  },
  DISABLE_IPV6: { value: /^(true|1)$/i, next: "take it away" },
  ISTIO_DUAL_STACK: { value: /^false$/i, next: 'set it to "true"' },
};

/** Judges what a container's runtime and commands say of families. */
export function judgeRuntime(running: Running, families: readonly Family[]): Remark[] {
  if (!families.includes("IPv6")) return [];
  const { words, env, path } = running;
  const variables = env.map(({ name, value }, index) => ({
    name: String(name),
    text: String(value ?? ""),
    path: [...path, "env", index, "value"],
  }));
  return [
    ...[...words, ...variables].flatMap(judgeText),
    ...variables.flatMap(({ name, text, path: place }) => judgeVariable(name, text, place)),
    ...judgeMongo(running),
  ];
}

/** What a text says of families, wherever it stands: flags of Java, Node.js and sysctl. */
function judgeText({ text, path }: { text: string; path: Path }): Remark[] {
  if (/preferIPv4Stack=true/.test(text))
    return [
      warning(
        "java-one-family",
        path,
        "-Djava.net.preferIPv4Stack=true: Java neither listens nor connects over IPv6",
        "take it away; -Djava.net.preferIPv6Addresses=system keeps the resolver's order",
      ),
    ];
  const sysctl = /net\.ipv6\.(conf\.(all|default|eth0)\.disable_ipv6|bindv6only)\s*=\s*1/.exec(text)?.[0];
  return sysctl === undefined ? [] : [switchedOff(path, sysctl, `${sysctl.split("=")[0]?.trim()}=0`)];
}

/** Judges a variable that programs of networks know, in a container or a ConfigMap. */
export function judgeVariable(name: string, text: string, path: Path): Remark[] {
  const known = OFF[name];
  return known?.value.test(text)
    ? [warning("ipv6-off", path, `${name}=${text} switches IPv6 off`, known.next)]
    : [];
}

/** MongoDB opens no IPv6 socket without --ipv6, and its image binds all addresses by itself. */
function judgeMongo({ program, words, container, path }: Running): Remark[] {
  const told = words.some(({ text }) => /^--(ipv6|config)\b|^-f$/.test(text));
  const other = words.some(({ text }) => /mongo(sh|dump|export|restore)?$|^(sleep|sh|bash)$/.test(text));
  if (program !== "MongoDB" || told || (other && !words.some(({ text }) => /mongo[ds]$/.test(text))))
    return [];
  const place = words[0]?.path ?? [...path, container["args"] === undefined ? "image" : "args"];
  return [
    warning(
      "listens-one-family",
      place,
      "mongod hears IPv4 alone: without --ipv6 it opens no IPv6 socket",
      "add --bind_ip_all and --ipv6 to args",
    ),
  ];
}

/** Judges what a pod's spec says: sysctls, and options of its resolver. */
export function judgePodSettings(
  spec: Readonly<Record<string, unknown>>,
  path: Path,
  families: readonly Family[],
): Remark[] {
  if (!families.includes("IPv6")) return [];
  const sysctls = asList(at(spec, ["securityContext", "sysctls"])).flatMap((item, index) => {
    const { name, value } = asObject(item);
    const place = [...path, "securityContext", "sysctls", index];
    return judgeText({ text: `${String(name)}=${String(value)}`, path: place });
  });
  const options = asList(at(spec, ["dnsConfig", "options"])).flatMap((item, index) =>
    asObject(item)["name"] === "no-aaaa"
      ? [
          warning(
            "aaaa-withheld",
            [...path, "dnsConfig", "options", index],
            "option no-aaaa: the pod never learns an IPv6 address by name",
            "take the option away",
          ),
        ]
      : [],
  );
  return [...sysctls, ...options];
}

function switchedOff(path: Path, said: string, next: string): Remark {
  return warning("ipv6-off", path, `${said}: sockets of the pod hear IPv4 or IPv6 alone`, `set ${next}`);
}

function warning(code: Remark["code"], path: Path, message: string, next: string): Remark {
  return { code, level: "warning", path, message, next };
}
