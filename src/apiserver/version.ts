/** What `/version` says: the release whose behaviour this server follows. */
export const VERSION = {
  major: "1",
  minor: "35",
  gitVersion: "v1.35.4",
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "1970-01-01T00:00:00Z",
  goVersion: "",
  compiler: "tandem",
  platform: `linux/${process.arch === "x64" ? "amd64" : process.arch}`,
} as const;
