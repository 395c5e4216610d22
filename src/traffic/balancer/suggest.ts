/** How many single letters must change to make one text the other (Levenshtein), up to a bound. */
function distance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) > bound) return bound + 1;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const change = (previous[column - 1] as number) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(change, (previous[column] as number) + 1, (current[column - 1] as number) + 1));
    }
    previous = current;
  }
  return previous[b.length] as number;
}

/**
 * What somebody probably meant: the known text that differs in case, in blanks or in a few letters only (a third of its
 * length at most). Undefined where none is near.
 */
export function nearest(text: string, known: Iterable<string>): string | undefined {
  const given = text.trim().toLowerCase().slice(0, 200);
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const bound = Math.max(1, Math.floor(candidate.length / 3));
    const far = distance(given, candidate.toLowerCase(), Math.min(bound, bestDistance));
    if (far > bound || far >= bestDistance) continue;
    best = candidate;
    bestDistance = far;
  }
  return best;
}
