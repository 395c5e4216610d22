/** So many letters may differ, and no more than this share of the longer word. */
const MOST_EDITS = 3;
const MOST_SHARE = 0.5;

/** The word that was probably meant: the one with the fewest letters to change, undefined where none is near. */
export function closest(word: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((name) => ({ name, edits: editsBetween(word, name) }))
    .filter(({ name, edits }) => isNear(edits, Math.max(word.length, name.length)))
    .sort((a, b) => a.edits - b.edits);
  return best?.name;
}

function isNear(edits: number, length: number): boolean {
  return edits <= MOST_EDITS && edits <= length * MOST_SHARE;
}

/** Letters to add, drop, change or swap with their neighbour (optimal string alignment distance). */
function editsBetween(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const choices = [rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + same];
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) choices.push(rows[i - 2]![j - 2]! + 1);
      row.push(Math.min(...choices));
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
