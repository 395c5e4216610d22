package dualstack

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"
	v1 "sigs.k8s.io/gateway-api/apis/v1"
	pb "sigs.k8s.io/gateway-api/conformance/echo-basic/grpcechoserver"
	"sigs.k8s.io/gateway-api/conformance/utils/grpc"
	"sigs.k8s.io/gateway-api/conformance/utils/http"
	"sigs.k8s.io/gateway-api/conformance/utils/kubernetes"
	confsuite "sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/conformance/utils/tcp"
	"sigs.k8s.io/gateway-api/conformance/utils/tls"
	"sigs.k8s.io/gateway-api/conformance/utils/udp"
	"sigs.k8s.io/gateway-api/pkg/features"
)

const (
	echo       = "dualstack-echo"
	serverName = "abc.example.com"
)

func init() {
	Tests = append(Tests,
		listener("HTTP", "dualstack-http", &v1.HTTPRoute{}, features.SupportHTTPRoute, 80, expectHTTP),
		listener("HTTPS", "dualstack-https", &v1.HTTPRoute{}, features.SupportHTTPRoute, 443, expectHTTPS),
		listener("GRPC", "dualstack-grpc", &v1.GRPCRoute{}, features.SupportGRPCRoute, 80, expectGRPC),
		listener("TLSPassthrough", "dualstack-tls-passthrough", &v1.TLSRoute{}, features.SupportTLSRoute, 443,
			expectTLS(serverName, true)),
		listener("TLSTerminate", "dualstack-tls-terminate", &v1.TLSRoute{}, features.SupportTLSRouteModeTerminate, 443,
			expectTLS("tls.example.com", false)),
		listener("TCP", "dualstack-tcp", &v1.TCPRoute{}, features.SupportTCPRoute, 9000, expectTCP),
		listener("UDP", "dualstack-udp", &v1.UDPRoute{}, features.SupportUDPRoute, 9000, expectUDP),
	)
}

type check func(t *testing.T, suite *confsuite.ConformanceTestSuite, address string)

// listener is a test of a Gateway with one listener, and a route of the Gateway's name, at both of its addresses.
func listener(
	kind, name string, route any, feature features.FeatureName, port int, expect check,
) confsuite.ConformanceTest {
	needed := []features.FeatureName{features.SupportGateway, SupportDualStack, feature}
	if feature == features.SupportTLSRouteModeTerminate {
		needed = append(needed, features.SupportTLSRoute)
	}
	return confsuite.ConformanceTest{
		ShortName:   "GatewayDualStack" + kind + "Listener",
		Description: "A listener for " + kind + " answers at the Gateway's addresses of both families",
		Features:    needed,
		Manifests:   []string{"manifests/" + name[len("dualstack-"):] + ".yaml"},
		Test: func(t *testing.T, suite *confsuite.ConformanceTestSuite) {
			gateway := gatewayNamed(name)
			accepted(t, suite, gateway, route)
			overBothFamilies(t, suite, gateway, port, func(t *testing.T, address string) {
				expect(t, suite, address)
			})
		},
	}
}

// accepted waits for the Gateway, and for the route that has its name.
func accepted(t *testing.T, suite *confsuite.ConformanceTestSuite, gateway types.NamespacedName, route any) {
	t.Helper()
	kubernetes.GatewayAndRoutesMustBeAccepted(t, suite.Client, suite.TimeoutConfig, suite.ControllerName,
		kubernetes.NewGatewayRef(gateway), route, true, gateway)
}

func expectHTTP(t *testing.T, suite *confsuite.ConformanceTestSuite, address string) {
	t.Helper()
	http.MakeRequestAndExpectEventuallyConsistentResponse(t, suite.RoundTripper, suite.TimeoutConfig, address,
		answerOf(echo, "/"))
}

func answerOf(backend, path string) http.ExpectedResponse {
	return http.ExpectedResponse{
		Request:   http.Request{Host: "example.org", Path: path},
		Response:  http.Response{StatusCodes: []int{200}},
		Backend:   backend,
		Namespace: confsuite.InfrastructureNamespace,
	}
}

func expectHTTPS(t *testing.T, suite *confsuite.ConformanceTestSuite, address string) {
	t.Helper()
	certificate, _, err := kubernetes.GetTLSSecret(suite.Client, gatewayNamed("tls-validity-checks-certificate"))
	require.NoError(t, err)
	tls.MakeTLSRequestAndExpectEventuallyConsistentResponse(t, suite.RoundTripper, suite.TimeoutConfig, address,
		certificate, nil, nil, "example.org", answerOf(echo, "/"))
}

func expectGRPC(t *testing.T, suite *confsuite.ConformanceTestSuite, address string) {
	t.Helper()
	grpc.MakeRequestAndExpectEventuallyConsistentResponse(t, suite.GRPCClient, suite.TimeoutConfig, address,
		grpc.ExpectedResponse{
			EchoRequest:     &pb.EchoRequest{},
			RequestMetadata: &grpc.RequestMetadata{Authority: "example.org"},
			Backend:         "grpc-infra-backend-v1",
			Namespace:       confsuite.InfrastructureNamespace,
		})
}

func expectTLS(name string, atBackend bool) check {
	return func(t *testing.T, suite *confsuite.ConformanceTestSuite, address string) {
		t.Helper()
		authority, err := kubernetes.GetConfigMapData(
			suite.Client, suite.TimeoutConfig, gatewayNamed("tls-checks-ca-certificate"))
		require.NoError(t, err)
		expected := tcp.ExpectedResponse{
			BackendIsTLS: atBackend,
			Backend:      "tcp-backend",
			Namespace:    confsuite.InfrastructureNamespace,
		}
		if atBackend {
			expected.Hostname = name
		}
		tcp.MakeTCPRequestAndExpectEventuallyValidResponse(
			t, suite.TimeoutConfig, address, []byte(authority["ca.crt"]), name, true, expected)
	}
}

func expectTCP(t *testing.T, suite *confsuite.ConformanceTestSuite, address string) {
	t.Helper()
	tcp.MakeTCPRequestAndExpectEventuallyValidResponse(t, suite.TimeoutConfig, address, nil, "", false,
		tcp.ExpectedResponse{Backend: "tcp-backend", Namespace: confsuite.InfrastructureNamespace})
}

func expectUDP(t *testing.T, suite *confsuite.ConformanceTestSuite, address string) {
	t.Helper()
	udp.ExpectEchoResponseFromBackend(t, suite.TimeoutConfig.MaxTimeToConsistency, address,
		udp.ExpectedResponse{Service: "dualstack-udp-echo", Namespace: confsuite.InfrastructureNamespace})
}
