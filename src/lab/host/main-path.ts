import { extname } from "node:path";
import { fileURLToPath } from "node:url";

const extension = extname(import.meta.filename);

/** The command line's entry, run again for the lab's processes; `.ts` here, `.js` in the compiled package. */
export const MAIN = fileURLToPath(new URL(`../../cli/main${extension}`, import.meta.url));

/** The package's own folder. */
export const PACKAGE_ROOT = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");
