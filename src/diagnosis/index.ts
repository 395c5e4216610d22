/** Diagnosis: the matrix of Services, families and paths. Reads the cluster, changes only its own probe pods. */
export type { Matrix } from "./matrix/model.ts";
export { ASCII, formatColumns, printMatrix, UNICODE } from "./matrix/print.ts";
export { createProbePods, type MatrixOptions, runMatrix } from "./matrix/run.ts";
