package dualstack

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	v1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/conformance/utils/http"
	confsuite "sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/pkg/features"
)

// What must be answered, one request after the other, while a family of the backend is dead.
const requestsDuringLoss = 50

func init() {
	Tests = append(Tests, GatewayDualStackFamilyLoss)
}

// GatewayDualStackFamilyLoss takes one family after the other from the only pod of a dual-stack Service.
var GatewayDualStackFamilyLoss = confsuite.ConformanceTest{
	ShortName:   "GatewayDualStackFamilyLoss",
	Description: "A backend that is dead on one family goes on being served over the other, to clients of either family",
	Features: []features.FeatureName{
		features.SupportGateway, features.SupportHTTPRoute, SupportDualStack, SupportDualStackFamilyLoss,
	},
	Manifests: []string{"manifests/to-backends.yaml"},
	Test: func(t *testing.T, suite *confsuite.ConformanceTestSuite) {
		gateway := gatewayNamed("dualstack-to-backends")
		accepted(t, suite, gateway, &v1.HTTPRoute{})
		pod := podOf(t, suite, "dualstack-single-echo")
		for _, lost := range families {
			t.Run("without "+string(lost), func(t *testing.T) {
				command(t, *breakCommand, pod, lost)
				defer command(t, *mendCommand, pod, lost)
				overBothFamilies(t, suite, gateway, 80, func(t *testing.T, address string) {
					expected := answerOf("dualstack-single-echo", "/single")
					http.MakeRequestAndExpectEventuallyConsistentResponse(
						t, suite.RoundTripper, suite.TimeoutConfig, address, expected)
					for range requestsDuringLoss {
						request := http.MakeRequest(t, &expected, address, "HTTP", "http")
						_, response, err := suite.RoundTripper.CaptureRoundTrip(request)
						require.NoError(t, err)
						require.Equal(t, 200, response.StatusCode)
					}
				})
			})
		}
	},
}

func command(t *testing.T, line string, pod corev1.Pod, family corev1.IPFamily) {
	t.Helper()
	command := exec.Command("sh", "-c", line)
	command.Env = append(os.Environ(), "NAMESPACE="+pod.Namespace, "POD="+pod.Name, "FAMILY="+string(family))
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s: %s", line, output)
}
