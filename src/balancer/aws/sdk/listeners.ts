/** Listeners through the SDK. */
import type { Action, CreateListenerCommandInput, Listener } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { AwsApi, BareListener } from "../api.ts";
import type { DesiredListener, ListenerProtocol } from "../model.ts";
import type { Elb } from "./how.ts";
import { allOf, attributeRecord, tagList } from "./how.ts";

function forwardOf(actions: readonly Action[] | undefined): BareListener["forward"] {
  return (actions ?? [])
    .filter((action) => action.Type === "forward")
    .flatMap((action) => {
      const groups = action.ForwardConfig?.TargetGroups ?? [];
      if (groups.length === 0 && action.TargetGroupArn)
        return [{ targetGroup: action.TargetGroupArn, weight: 1 }];
      return groups.map((it) => ({ targetGroup: it.TargetGroupArn ?? "", weight: it.Weight ?? 1 }));
    });
}

function bare(it: Listener): BareListener {
  return {
    arn: it.ListenerArn ?? "",
    port: it.Port ?? 0,
    protocol: (it.Protocol ?? "TCP") as ListenerProtocol,
    forward: forwardOf(it.DefaultActions),
    ...(isSticky(it.DefaultActions) && { sticky: true }),
    defaultCertificates: (it.Certificates ?? []).map((one) => one.CertificateArn ?? ""),
    sslPolicy: it.SslPolicy || undefined,
    alpnPolicy: it.AlpnPolicy?.[0],
  };
}

function isSticky(actions: readonly Action[] | undefined): boolean {
  return (actions ?? []).some(
    (action) => action.ForwardConfig?.TargetGroupStickinessConfig?.Enabled === true,
  );
}

/** One group without a weight is written in the short form, which every version of the service took. */
function actionOf({ forward, sticky }: Pick<DesiredListener, "forward" | "sticky">): Action {
  const [first, ...rest] = forward;
  if (first !== undefined && rest.length === 0 && first.weight === 1 && sticky !== true)
    return { Type: "forward", TargetGroupArn: first.targetGroup };
  const groups = forward.map((it) => ({ TargetGroupArn: it.targetGroup, Weight: it.weight }));
  const stickiness = sticky === true && { TargetGroupStickinessConfig: { Enabled: true } };
  return { Type: "forward", ForwardConfig: { TargetGroups: groups, ...stickiness } };
}

/** What creating and changing have in common; only the default certificate is taken here. */
function settings(spec: DesiredListener): Omit<CreateListenerCommandInput, "LoadBalancerArn" | "Tags"> {
  const [certificate] = spec.certificates;
  return {
    Port: spec.port,
    Protocol: spec.protocol,
    DefaultActions: [actionOf(spec)],
    Certificates: certificate === undefined ? undefined : [{ CertificateArn: certificate }],
    SslPolicy: spec.sslPolicy,
    AlpnPolicy: spec.alpnPolicy === undefined ? undefined : [spec.alpnPolicy],
  };
}

const certificateList = (arns: readonly string[]) => arns.map((arn) => ({ CertificateArn: arn }));

type CertificateCalls = Pick<
  AwsApi,
  "describeListenerCertificates" | "addListenerCertificates" | "removeListenerCertificates"
>;

function certificateCalls({ sdk, client, how }: Elb): CertificateCalls {
  return {
    async describeListenerCertificates(arn) {
      const pages = sdk.paginateDescribeListenerCertificates({ client }, { ListenerArn: arn }, how);
      const all = await allOf(pages, (page) => page.Certificates);
      const byDefault = all.filter((it) => it.IsDefault);
      const arns = [...byDefault, ...all.filter((it) => !it.IsDefault)].map((it) => it.CertificateArn ?? "");
      return [...new Set(arns)];
    },
    async addListenerCertificates(arn, certificates) {
      await client.addListenerCertificates(
        { ListenerArn: arn, Certificates: certificateList(certificates) },
        how,
      );
    },
    async removeListenerCertificates(arn, certificates) {
      await client.removeListenerCertificates(
        { ListenerArn: arn, Certificates: certificateList(certificates) },
        how,
      );
    },
  };
}

type ListenerCalls = CertificateCalls &
  Pick<
    AwsApi,
    | "describeListeners"
    | "describeListenerAttributes"
    | "createListener"
    | "modifyListener"
    | "modifyListenerAttributes"
    | "deleteListener"
  >;

/** The part of the API that is about listeners. */
export function listenerCalls(elb: Elb): ListenerCalls {
  const { sdk, client, how } = elb;
  return {
    ...certificateCalls(elb),
    async describeListeners(loadBalancer) {
      const pages = sdk.paginateDescribeListeners({ client }, { LoadBalancerArn: loadBalancer }, how);
      return (await allOf(pages, (page) => page.Listeners)).map(bare);
    },
    async describeListenerAttributes(arn) {
      return attributeRecord((await client.describeListenerAttributes({ ListenerArn: arn }, how)).Attributes);
    },
    async createListener(loadBalancer, spec) {
      const input = { LoadBalancerArn: loadBalancer, ...settings(spec), Tags: tagList(spec.tags) };
      return bare((await client.createListener(input, how)).Listeners?.[0] ?? {});
    },
    async modifyListener(arn, spec) {
      await client.modifyListener({ ListenerArn: arn, ...settings(spec) }, how);
    },
    async modifyListenerAttributes(arn, attributes) {
      await client.modifyListenerAttributes({ ListenerArn: arn, Attributes: tagList(attributes) }, how);
    },
    async deleteListener(arn) {
      await client.deleteListener({ ListenerArn: arn }, how);
    },
  };
}
