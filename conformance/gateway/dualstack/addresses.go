package dualstack

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	v1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/conformance/utils/kubernetes"
	confsuite "sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/conformance/utils/tlog"
	"sigs.k8s.io/gateway-api/pkg/features"
)

var families = []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}

func init() {
	Tests = append(Tests, GatewayDualStackAddresses)
}

// GatewayDualStackAddresses asks for an address of each family in a Gateway's status.
var GatewayDualStackAddresses = confsuite.ConformanceTest{
	ShortName:   "GatewayDualStackAddresses",
	Description: "A Gateway that says nothing of addresses has one of each of the cluster's families in its status",
	Features:    []features.FeatureName{features.SupportGateway, SupportDualStack},
	Manifests:   []string{"manifests/http.yaml"},
	Test: func(t *testing.T, suite *confsuite.ConformanceTestSuite) {
		addresses := addressesOf(t, suite, gatewayNamed("dualstack-http"))
		for _, family := range families {
			require.Contains(t, addresses, family, "status.addresses")
		}
	},
}

func gatewayNamed(name string) types.NamespacedName {
	return types.NamespacedName{Name: name, Namespace: confsuite.InfrastructureNamespace}
}

// addressesOf waits until the Gateway is programmed and has an address of each family.
func addressesOf(
	t *testing.T, suite *confsuite.ConformanceTestSuite, gateway types.NamespacedName,
) map[corev1.IPFamily]string {
	t.Helper()
	found := map[corev1.IPFamily]string{}
	timeouts := suite.TimeoutConfig
	err := wait.PollUntilContextTimeout(t.Context(), timeouts.DefaultPollInterval, timeouts.GatewayMustHaveAddress, true,
		func(ctx context.Context) (bool, error) {
			now := &v1.Gateway{}
			if err := suite.Client.Get(ctx, gateway, now); err != nil {
				return false, err
			}
			found = perFamily(now.Status.Addresses)
			programmed := meta.IsStatusConditionTrue(now.Status.Conditions, string(v1.GatewayConditionProgrammed)) &&
				kubernetes.ConditionsHaveLatestObservedGeneration(now, now.Status.Conditions) == nil
			return programmed && len(found) == len(families), nil
		})
	require.NoError(t, err, "Gateway %s is not programmed with addresses of both families: %v", gateway, found)
	return found
}

func perFamily(addresses []v1.GatewayStatusAddress) map[corev1.IPFamily]string {
	found := map[corev1.IPFamily]string{}
	for _, address := range addresses {
		ip, err := netip.ParseAddr(address.Value)
		if err == nil && found[familyOf(ip)] == "" {
			found[familyOf(ip)] = ip.String()
		}
	}
	return found
}

func familyOf(ip netip.Addr) corev1.IPFamily {
	if ip.Is4() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}

// overBothFamilies runs a check at the Gateway's address of each family, as a subtest named by the family.
func overBothFamilies(
	t *testing.T, suite *confsuite.ConformanceTestSuite, gateway types.NamespacedName, port int,
	check func(t *testing.T, address string),
) {
	t.Helper()
	addresses := addressesOf(t, suite, gateway)
	for _, family := range families {
		t.Run("clients of "+string(family), func(t *testing.T) {
			address := net.JoinHostPort(addresses[family], strconv.Itoa(port))
			tlog.Logf(t, "dialling %s", address)
			check(t, address)
		})
	}
}
