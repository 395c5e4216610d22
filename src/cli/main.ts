import { Command, CommanderError } from "commander";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { COMMANDS, type CommandModule } from "./commands.ts";
import { loseWhatCannotBeWritten, loseWhatNobodyReads } from "./lossy-output.ts";
import { printable } from "./output.ts";
import { explainUsage, unknownCommand } from "./usage.ts";
import { packageVersion } from "./package-version.ts";

/** Builds the program with the one subcommand that was asked for, so that the others need not be loaded. */
async function buildProgram(asked: string | undefined): Promise<Command> {
  const program = new Command("tandem")
    .description("Dual-stack service networking for Kubernetes: one configuration, both families.")
    .version(packageVersion(), "-V, --version", "print the version")
    .configureHelp({ showGlobalOptions: true });
  for (const entry of COMMANDS) {
    if (asked !== undefined && (entry.name === asked || entry.alias === asked)) {
      const module: CommandModule = await entry.load();
      program.addCommand(module.define());
    } else program.command(entry.name, { hidden: entry.hidden ?? false }).description(entry.summary);
  }
  return program;
}

async function main(argv: readonly string[]): Promise<number> {
  const [first, second] = argv.filter((argument) => !argument.startsWith("-"));
  const asked = first === "help" ? second : first;
  try {
    const program = await buildProgram(asked);
    explainUsage(program, argv);
    if (first === "help" && asked !== undefined && !isCommand(asked)) throw unknownCommand(program, asked);
    if (argv.length === 0) {
      program.outputHelp();
      return EXIT.ok;
    }
    await program.parseAsync([...argv], { from: "user" });
    return typeof process.exitCode === "number" ? process.exitCode : EXIT.ok;
  } catch (error) {
    return reportError(error);
  }
}

function isCommand(word: string): boolean {
  return COMMANDS.some(({ name, alias }) => word === name || word === alias);
}

function reportError(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof UserError) {
    console.error(`tandem: ${printable(error.message)}`);
    return error.parts.exitCode ?? EXIT.failed;
  }
  console.error("tandem: unexpected failure:", error);
  return EXIT.failed;
}

loseWhatCannotBeWritten(2);
loseWhatNobodyReads();
process.exitCode = await main(process.argv.slice(2));
