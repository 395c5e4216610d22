/** The CEL of Kubernetes' rules, on a library of some hundred files: loaded with the first rule (cel.ts). */
import { type CelEnv, type CelInput, celEnv, isCelError, parse, plan } from "@bufbuild/cel";
import { strings } from "@bufbuild/cel/ext";
import { KUBERNETES_FUNCTIONS } from "./cel-functions.ts";
import { compilePattern } from "./pattern.ts";

/** What a rule gives for the values that it names: a value of CEL, or an error of CEL's (`isCelError`). */
export type Program = (bindings: Record<string, CelInput>) => unknown;

let environment: CelEnv | undefined;

/** Reads a rule; the error says why it cannot be read. */
export function compileRule(rule: string): Program | Error {
  environment ??= celEnv({ funcs: [...strings, ...KUBERNETES_FUNCTIONS], re2: { compile: compilePattern } });
  try {
    return plan(environment, parse(rule)) as Program;
  } catch (error) {
    return error as Error;
  }
}

export { isCelError };
