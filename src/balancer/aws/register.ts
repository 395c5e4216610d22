/** Registers targets so that those that AWS does not take keep no others from their traffic. */
import { AwsError } from "./api.ts";
import type { Target } from "./model.ts";

/** Targets that one call registers. */
const TARGETS_PER_CALL = 200;

/** Targets in portions that one call takes. */
export function chunks(targets: readonly Target[]): (readonly Target[])[] {
  const count = Math.ceil(targets.length / TARGETS_PER_CALL);
  return Array.from({ length: count }, (_, index) =>
    targets.slice(index * TARGETS_PER_CALL, (index + 1) * TARGETS_PER_CALL),
  );
}

/** Targets that AWS did not take, and its answer. */
export interface RefusedTargets {
  readonly targets: readonly Target[];
  readonly error: AwsError;
}

/**
 * Registers by `call`, and gives what was refused: AWS refuses a whole call for one instance that ended before its node
 * did. Throws what `call` throws for any other reason.
 */
export async function registerEach(
  targets: readonly Target[],
  call: (targets: readonly Target[]) => Promise<void>,
): Promise<RefusedTargets[]> {
  try {
    if (targets.length > 0) await call(targets);
    return [];
  } catch (error) {
    if (!(error instanceof AwsError) || error.code !== "InvalidTarget") throw error;
    const named = targets.length === 1 ? targets : namedIn(error.message, targets);
    const others = targets.filter((target) => !named.includes(target));
    // where AWS names none, halves tell
    const middle = named.length > 0 ? others.length : Math.ceil(others.length / 2);
    const refused = [
      ...(await registerEach(others.slice(0, middle), call)),
      ...(await registerEach(others.slice(middle), call)),
    ];
    return named.length > 0 ? [{ targets: named, error }, ...refused] : refused;
  }
}

/** The targets that AWS's answer names. */
function namedIn(message: string, targets: readonly Target[]): Target[] {
  const words = new Set(message.match(/[\w-]+(?:[.:]+[\w-]+)*/g));
  return targets.filter(({ id }) => words.has(id));
}
