import { badRequest } from "../../../objects/status.ts";
import type { User } from "../user.ts";
import type { Review } from "./serve.ts";

/** Whose a token is (pkg/registry/authentication/tokenreview). */
export const reviewToken: Review = ({ access }, review) => {
  const { token = "", audiences } = review["spec"] as { token?: string; audiences?: string[] };
  if (token === "") throw badRequest("token is required for TokenReview in authentication");
  const verdict = access.authenticator.checkToken(token, audiences?.length ? audiences : undefined);
  const status =
    "error" in verdict
      ? { error: verdict.error, user: {} }
      : { audiences: verdict.audiences, authenticated: true, user: userInfo(verdict.user) };
  return { ...review, status };
};

/** Who asks (pkg/registry/authentication/selfsubjectreview). */
export const reviewSelf: Review = ({ user }, review) => {
  return { ...review, status: { userInfo: userInfo(user) } };
};

function userInfo({ name, uid, groups, extra }: User): object {
  return {
    ...(extra === undefined ? {} : { extra }),
    groups,
    ...(uid === undefined || uid === "" ? {} : { uid }),
    username: name,
  };
}
