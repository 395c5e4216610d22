/** A message in JSON that Envoy's API does not allow; says which field. */
export class ProtoFieldError extends Error {
  readonly reason: string;
  /** `filter_chains[0].filters[1].typed_config`; empty: the message itself. */
  path: string;
  /** The message's type, without `type.googleapis.com/`. */
  typeName: string;

  constructor(reason: string) {
    super(reason);
    this.name = "ProtoFieldError";
    this.reason = reason;
    this.path = "";
    this.typeName = "";
  }

  /** The same error seen from one level further out: `name`, or `[3]`. */
  inside(step: string): this {
    if (this.path === "") this.path = step;
    else this.path = this.path.startsWith("[") ? `${step}${this.path}` : `${step}.${this.path}`;
    return this;
  }

  /** Names the outermost message, once all steps are known. */
  of(typeName: string): this {
    this.typeName = typeName;
    this.message = `${typeName}${this.path === "" ? "" : `: ${this.path}`}: ${this.reason}`;
    return this;
  }
}
