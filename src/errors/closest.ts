/** A word that was probably meant differs from what was written by this share of its letters at most. */
const MOST_SHARE = 1 / 3;
/** No known word is longer; of a longer text only so much is looked at, since the work grows with its square. */
const MOST_LETTERS = 200;

/**
 * The word that was probably meant: equal but for case and blanks around it, or the one with the fewest letters to
 * change, add, drop or swap (a third of them at most, or one). Undefined where none is near.
 */
export function closest(word: string, known: Iterable<string>): string | undefined {
  const given = word.trim().toLowerCase().slice(0, MOST_LETTERS);
  const [best] = [...known]
    .map((name) => ({ name, edits: editsBetween(given, name.toLowerCase()) }))
    .filter(({ name, edits }) => isNear(edits, Math.max(given.length, name.length)))
    .sort((a, b) => a.edits - b.edits);
  return best?.name;
}

function isNear(edits: number, length: number): boolean {
  return edits < length && edits <= Math.max(1, length * MOST_SHARE);
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
