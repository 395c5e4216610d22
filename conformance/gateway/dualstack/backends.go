package dualstack

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	v1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/conformance/utils/http"
	confsuite "sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/conformance/utils/weight"
	"sigs.k8s.io/gateway-api/pkg/features"
)

const (
	ipv4Only = "ipv4-only-echo"
	ipv6Only = "ipv6-only-echo"
	headless = "headless-echo"
	echoPort = 3000
)

func init() {
	Tests = append(Tests, GatewayDualStackBackends, GatewayDualStackWeights, GatewayDualStackEndpointsOnce)
}

// GatewayDualStackBackends goes by each client family to each kind of backend.
var GatewayDualStackBackends = confsuite.ConformanceTest{
	ShortName:   "GatewayDualStackBackends",
	Description: "Clients of either family are answered by dual-stack, IPv4-only, IPv6-only and headless Services",
	Features:    []features.FeatureName{features.SupportGateway, features.SupportHTTPRoute, SupportDualStack},
	Manifests:   []string{"manifests/to-backends.yaml"},
	Test: func(t *testing.T, suite *confsuite.ConformanceTestSuite) {
		gateway := gatewayNamed("dualstack-to-backends")
		accepted(t, suite, gateway, &v1.HTTPRoute{})
		overBothFamilies(t, suite, gateway, 80, func(t *testing.T, address string) {
			for _, backend := range []string{echo, ipv4Only, ipv6Only, headless} {
				t.Run("to "+backend, func(t *testing.T) {
					http.MakeRequestAndExpectEventuallyConsistentResponse(
						t, suite.RoundTripper, suite.TimeoutConfig, address, answerOf(backend, "/"+backend))
				})
			}
		})
	},
}

// GatewayDualStackWeights counts the shares of Services of different families under one rule.
var GatewayDualStackWeights = confsuite.ConformanceTest{
	ShortName:   "GatewayDualStackWeights",
	Description: "Weights hold between dual-stack, IPv4-only and IPv6-only Services, for clients of either family",
	Features:    []features.FeatureName{features.SupportGateway, features.SupportHTTPRoute, SupportDualStack},
	Manifests:   []string{"manifests/to-backends.yaml"},
	Test: func(t *testing.T, suite *confsuite.ConformanceTestSuite) {
		gateway := gatewayNamed("dualstack-to-backends")
		accepted(t, suite, gateway, &v1.HTTPRoute{})
		shares := map[string]float64{echo: 0.5, ipv4Only: 0.3, ipv6Only: 0.2}
		overBothFamilies(t, suite, gateway, 80, func(t *testing.T, address string) {
			expectShares(t, suite, address, "/weighted", shares)
		})
	},
}

// GatewayDualStackEndpointsOnce has one Service of two pods, of which one has both families and one has IPv4 alone.
var GatewayDualStackEndpointsOnce = confsuite.ConformanceTest{
	ShortName: "GatewayDualStackEndpointsOnce",
	Description: "A pod with two addresses gets as much as one with one: " +
		"the EndpointSlices of both families name the same pod, which is one endpoint",
	Features:  []features.FeatureName{features.SupportGateway, features.SupportHTTPRoute, SupportDualStack},
	Manifests: []string{"manifests/to-backends.yaml"},
	Test: func(t *testing.T, suite *confsuite.ConformanceTestSuite) {
		both, one := podOf(t, suite, echo), podOf(t, suite, ipv4Only)
		suite.Applier.MustApplyObjectsWithCleanup(t, suite.Client, suite.TimeoutConfig, []client.Object{
			sliceOf(discoveryv1.AddressTypeIPv4, both, one),
			sliceOf(discoveryv1.AddressTypeIPv6, both),
		}, true)
		gateway := gatewayNamed("dualstack-to-backends")
		accepted(t, suite, gateway, &v1.HTTPRoute{})
		overBothFamilies(t, suite, gateway, 80, func(t *testing.T, address string) {
			expectShares(t, suite, address, "/uneven", map[string]float64{echo: 0.5, ipv4Only: 0.5})
		})
	},
}

// expectShares counts the answers of pods by the workload that they are of.
func expectShares(
	t *testing.T, suite *confsuite.ConformanceTestSuite, address, path string, shares map[string]float64,
) {
	t.Helper()
	expected := answerOf("", path)
	http.MakeRequestAndExpectEventuallyConsistentResponse(
		t, suite.RoundTripper, suite.TimeoutConfig, address, expected)
	sender := weight.NewFunctionBasedSender(func() (string, error) {
		request := http.MakeRequest(t, &expected, address, "HTTP", "http")
		captured, response, err := suite.RoundTripper.CaptureRoundTrip(request)
		if err != nil {
			return "", err
		}
		if response.StatusCode != 200 {
			return "", fmt.Errorf("status %d", response.StatusCode)
		}
		return captured.Pod, nil
	})
	var err error
	for range weight.MaxTestRetries {
		if err = weight.TestWeightedDistribution(sender, shares); err == nil {
			return
		}
		t.Logf("shares of %s: %v", path, err)
	}
	require.NoError(t, err)
}

func podOf(t *testing.T, suite *confsuite.ConformanceTestSuite, app string) corev1.Pod {
	t.Helper()
	pods := &corev1.PodList{}
	err := suite.Client.List(context.Background(), pods,
		client.InNamespace(confsuite.InfrastructureNamespace), client.MatchingLabels{"app": app})
	require.NoError(t, err)
	require.NotEmpty(t, pods.Items, "pods of %s", app)
	return pods.Items[0]
}

// sliceOf is a slice of the Service `uneven-echo`, which has no selector.
func sliceOf(family discoveryv1.AddressType, pods ...corev1.Pod) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Name:      fmt.Sprintf("uneven-echo-%s", map[discoveryv1.AddressType]string{"IPv4": "4", "IPv6": "6"}[family]),
			Namespace: confsuite.InfrastructureNamespace,
			Labels: map[string]string{
				discoveryv1.LabelServiceName: "uneven-echo",
				discoveryv1.LabelManagedBy:   "gateway-api-conformance",
			},
		},
		AddressType: family,
		Ports: []discoveryv1.EndpointPort{
			{Name: ptr.To("http"), Port: ptr.To[int32](echoPort), Protocol: ptr.To(corev1.ProtocolTCP)},
		},
	}
	for _, pod := range pods {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses:  []string{addressOfPod(pod, corev1.IPFamily(family))},
			Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)},
			NodeName:   &pod.Spec.NodeName,
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		})
	}
	return slice
}
