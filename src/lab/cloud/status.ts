import type { Condition, Service } from "../../objects/types.ts";
import { formatTime } from "../../objects/time.ts";
import type { Assignment } from "./addresses.ts";

/** The condition of a Service that lacks a balancer address that it should have; its reason says why. */
const BALANCER_CONDITION = "tandem.dev/LoadBalancerAddresses";

type ServiceStatus = NonNullable<Service["status"]>;

/** The status that a Service should have by its addresses; undefined where it has that already. */
export function statusOf(service: Service, { ingress, problems }: Assignment): ServiceStatus | undefined {
  const { loadBalancer, conditions = [] } = service.status ?? {};
  const known = conditions.find(({ type }) => type === BALANCER_CONDITION);
  const message = problems.map((problem) => problem.message).join("; ");
  const sameProblem = (known?.message ?? "") === message;
  const ips = (list: readonly { ip?: string; ipMode?: string }[]) =>
    list.map(({ ip, ipMode }) => `${ip} ${ipMode}`).join();
  if (sameProblem && ips(loadBalancer?.ingress ?? []) === ips(ingress)) return undefined;
  const others = conditions.filter(({ type }) => type !== BALANCER_CONDITION);
  const [first] = problems;
  const own: Condition[] =
    first === undefined
      ? []
      : [
          {
            type: BALANCER_CONDITION,
            status: "False",
            reason: first.reason,
            message,
            lastTransitionTime: formatTime(new Date()),
          },
        ];
  return { loadBalancer: { ingress: [...ingress] }, conditions: [...others, ...own] };
}
