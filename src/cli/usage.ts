/** What is wrong with a command line, in the words of all our errors, in the place of commander's own. */
import { type Command, type CommanderError, Help, type Option } from "commander";
import { EXIT } from "../errors/exit-codes.ts";
import { UserError } from "../errors/user-error.ts";
import { closest } from "../errors/closest.ts";

/** So many commands are named in the advice; more are in the help. */
const NAMED = 8;

/**
 * Has a program and all its commands throw UserErrors for wrong usage, with EXIT.usage; help and version come as
 * CommanderErrors still. `words` is the command line, without the program's name.
 */
export function explainUsage(program: Command, words: readonly string[]): void {
  explainIn(program, words);
  program.hook("preAction", (_, command) => {
    const swallowed = swallowedFlag(command as Command);
    if (swallowed !== undefined) throw swallowed;
  });
}

function explainIn(command: Command, words: readonly string[]): void {
  command.configureOutput({ outputError: () => {} });
  command.configureHelp({ ...command.configureHelp(), optionDescription: describeOption });
  command.exitOverride((error) => {
    throw usageError(command, error, words) ?? error;
  });
  for (const child of command.commands) explainIn(child as Command, words);
}

/** An empty list says nothing as a default. */
function describeOption(option: Option): string {
  const given: unknown = option.defaultValue;
  const silent = Array.isArray(given) && given.length === 0;
  const shown = silent ? Object.assign(Object.create(option) as Option, { defaultValue: undefined }) : option;
  return new Help().optionDescription(shown);
}

/** The error of a name that is no command of the program. */
export function unknownCommand(command: Command, name: string): UserError {
  const path = pathOf(command);
  const names = namesOf(command);
  const near = closest(name, [...names, ...command.commands.flatMap((child) => child.aliases())]);
  const help = `${path} --help says what they do`;
  const list =
    names.length > NAMED ? `${path} --help lists them` : `its commands are ${names.join(", ")}; ${help}`;
  return wrong(command, {
    where: `argument ${JSON.stringify(name)}`,
    why: "there is no such command",
    next: near === undefined ? list : `did you mean ${path} ${near}? ${list}`,
  });
}

type Parts = Record<"where" | "why" | "next", string>;

function wrong(command: Command, parts: Parts): UserError {
  return new UserError({ what: `cannot run ${pathOf(command)}`, ...parts, exitCode: EXIT.usage });
}

/** Undefined for what is no error: help and version. */
function usageError(
  command: Command,
  { code, message }: CommanderError,
  words: readonly string[],
): UserError | undefined {
  const explain = EXPLANATIONS[code];
  if (explain === undefined && !message.startsWith("error: ")) return undefined;
  const swallowed = swallowedFlag(command);
  if (swallowed !== undefined) return swallowed;
  const subject = namedOf(command, words);
  if (explain !== undefined) return explain(subject, message, command);
  return wrong(subject, {
    where: "the command line",
    why: message.replace(/^error: /, ""),
    next: helpOf(subject),
  });
}

/** By commander's codes; of its texts only what they quote counts. `ran` is the default command where none was named. */
const EXPLANATIONS: Readonly<Record<string, (command: Command, message: string, ran: Command) => UserError>> =
  {
    "commander.unknownOption": (command, message, ran) => unknownFlag(command, quoted(message), ran),
    "commander.unknownCommand": (command) => unknownCommand(command, command.args[0] ?? ""),
    "commander.excessArguments": tooMany,
    "commander.missingArgument": missingArgument,
    "commander.optionMissingArgument": (command, message, ran) =>
      missingValue(command, optionOf(ran, quoted(message)), "the value of a flag is missing"),
    "commander.missingMandatoryOptionValue": (command, message, ran) =>
      missingValue(command, optionOf(ran, quoted(message)), "a flag is missing that it cannot do without"),
    "commander.invalidArgument": invalidValue,
  };

function unknownFlag(command: Command, flag: string, ran: Command): UserError {
  const [name = flag] = flag.split("=");
  const near = name.startsWith("--") ? closest(name.slice(2), longNamesOf(ran)) : undefined;
  const isRoot = command.parent === null;
  const usage = usageOf(ran);
  const list = isRoot
    ? `flags of a command come after its name; ${command.name()} --help lists the commands`
    : `${pathOf(command)} --help lists its flags`;
  const beyond = usage.includes(" -- ") ? `; those of a program come after --: ${usage}` : "";
  return wrong(command, {
    where: `flag ${name}`,
    why: "there is no such flag",
    next: `${near === undefined ? "" : `did you mean --${near}? `}${list}${beyond}`,
  });
}

function tooMany(command: Command, _: string, ran: Command): UserError {
  const taken = ran.registeredArguments.length;
  const first = ran.args[taken] ?? "";
  if (command.commands.length > 0 && taken === 0) return unknownCommand(command, first);
  return wrong(command, {
    where: `argument ${JSON.stringify(first)}`,
    why: taken === 0 ? "it takes no arguments" : `it takes no more than ${taken}, and this is one more`,
    next: `leave it out: ${usageOf(ran)}`,
  });
}

function missingArgument(command: Command, message: string, ran: Command): UserError {
  const argument = ran.registeredArguments.find((one) => one.name() === quoted(message));
  const about = argument?.description ? `${argument.description}; ` : "";
  return wrong(command, {
    where: `argument <${quoted(message)}>`,
    why: "an argument is missing",
    next: `${about}${usageOf(ran)}`,
  });
}

function missingValue(command: Command, option: Option | undefined, why: string): UserError {
  const about = option?.description ? ` (${option.description})` : "";
  const value = /[<[].*$/.exec(option?.flags ?? "")?.[0] ?? "VALUE";
  const flag = option?.long ?? option?.short ?? "the flag";
  return wrong(command, {
    where: `flag ${flag}`,
    why,
    next: `give ${flag} ${value}${about}; ${pathOf(command)} --help lists its flags`,
  });
}

function invalidValue(command: Command, message: string, ran: Command): UserError {
  const option = optionOf(ran, quoted(message));
  const value = /argument '(.*)' is invalid/.exec(message)?.[1] ?? "";
  const choices = option?.argChoices ?? [];
  const near = closest(value, choices);
  return wrong(command, {
    where: `flag ${option?.long ?? quoted(message)}, value ${JSON.stringify(value)}`,
    why:
      choices.length > 0 ? `it is one of ${choices.join(", ")}` : message.replace(/^.* is invalid\.? ?/, ""),
    next: `${near === undefined ? "" : `did you mean ${near}? `}${helpOf(command)}`,
  });
}

/** A flag that was taken for the value of the one before it. */
function swallowedFlag(command: Command): UserError | undefined {
  const flags = new Set(flagsOf(command));
  for (const one of chainOf(command)) {
    for (const option of one.options) {
      const name = option.attributeName();
      if (!option.required || one.getOptionValueSource(name) !== "cli") continue;
      const flag = [one.getOptionValue(name) as unknown].flat().find((value) => flags.has(String(value)));
      if (flag !== undefined)
        return missingValue(one, option, `the value of a flag is missing: ${String(flag)} is a flag itself`);
    }
  }
  return undefined;
}

/** The command as it was called: the one above where it is the default one, and was not named. */
function namedOf(command: Command, words: readonly string[]): Command {
  const isNamed = [command.name(), ...command.aliases()].some((name) => words.includes(name));
  return isNamed || command.parent === null ? command : (command.parent as Command);
}

function chainOf(command: Command): Command[] {
  return command.parent === null ? [command] : [command, ...chainOf(command.parent as Command)];
}

function pathOf(command: Command): string {
  return chainOf(command)
    .map((one) => one.name())
    .reverse()
    .join(" ");
}

function helpOf(command: Command): string {
  return `${pathOf(command)} --help`;
}

function usageOf(command: Command): string {
  return command.createHelp().commandUsage(command);
}

/** The commands that help shows, but for help itself. */
function namesOf(command: Command): string[] {
  const visible = command.createHelp().visibleCommands(command);
  return visible.map((child) => child.name()).filter((name) => name !== "help");
}

/** All flags that a command takes, those of the commands above it too. */
function flagsOf(command: Command): string[] {
  const options = chainOf(command).flatMap((one) => one.createHelp().visibleOptions(one));
  return options.flatMap(({ long, short }) => [long, short]).filter((flag) => flag !== undefined);
}

function longNamesOf(command: Command): string[] {
  return flagsOf(command).flatMap((flag) => (flag.startsWith("--") ? [flag.slice(2)] : []));
}

/** The option of a command that is defined by these flags, such as `-f, --filename <path>`. */
function optionOf(command: Command, flags: string): Option | undefined {
  return chainOf(command)
    .flatMap((one) => one.options)
    .find((option) => option.flags === flags);
}

/** What a text of commander's quotes first. */
function quoted(message: string): string {
  return /'([^']*)'/.exec(message)?.[1] ?? "";
}
