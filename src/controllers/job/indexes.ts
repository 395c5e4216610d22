/** The indexes of a text such as `1,3-5,7`, below a limit; what cannot be read is left out. */
export function parseIndexes(text: string | undefined, limit: number): Set<number> {
  const indexes = new Set<number>();
  for (const part of (text ?? "").split(",")) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (match === null) continue;
    const last = Math.min(Number(match[2] ?? match[1]), limit - 1);
    for (let index = Number(match[1]); index <= last; index++) indexes.add(index);
  }
  return indexes;
}

/** Indexes as a text, in which neighbours of three and more are ranges: `1,2,4-6`, as a Job's status has it. */
export function formatIndexes(indexes: ReadonlySet<number>): string {
  const parts: string[] = [];
  const sorted = [...indexes].sort((a, b) => a - b);
  for (let at = 0; at < sorted.length; ) {
    const first = sorted[at] ?? 0;
    let length = 1;
    while (sorted[at + length] === first + length) length++;
    if (length === 1) parts.push(String(first));
    else parts.push(`${first}${length === 2 ? "," : "-"}${first + length - 1}`);
    at += length;
  }
  return parts.join(",");
}
