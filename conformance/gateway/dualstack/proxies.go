package dualstack

import (
	"context"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/netip"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	confsuite "sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/pkg/features"
)

func init() {
	Tests = append(Tests,
		proxyPort("Health", SupportDualStackHealthPort, healthPort, healthPath),
		proxyPort("Stats", SupportDualStackStatsPort, statsPort, statsPath),
	)
}

// proxyPort is a test of a port of a Gateway's pods, asked on each of a pod's addresses, as kubelets and collectors do.
func proxyPort(name string, feature features.FeatureName, port *int, path *string) confsuite.ConformanceTest {
	return confsuite.ConformanceTest{
		ShortName:   "GatewayDualStack" + name + "Port",
		Description: "Pods of a Gateway answer on this port over each of their families",
		Features:    []features.FeatureName{features.SupportGateway, SupportDualStack, feature},
		Manifests:   []string{"manifests/http.yaml"},
		Test: func(t *testing.T, suite *confsuite.ConformanceTestSuite) {
			gateway := gatewayNamed("dualstack-http")
			addressesOf(t, suite, gateway)
			for _, pod := range proxiesOf(t, suite, gateway) {
				for _, family := range families {
					t.Run(fmt.Sprintf("%s over %s", pod.Name, family), func(t *testing.T) {
						address := addressOfPod(pod, family)
						require.NotEmpty(t, address, "address of the pod")
						expectAnswer(t, suite, "http://"+net.JoinHostPort(address, strconv.Itoa(*port))+*path)
					})
				}
			}
		},
	}
}

// proxiesOf waits for pods of a Gateway that have not begun to end, as those of one of this name before may have.
func proxiesOf(t *testing.T, suite *confsuite.ConformanceTestSuite, gateway types.NamespacedName) []corev1.Pod {
	t.Helper()
	options := metav1.ListOptions{LabelSelector: fmt.Sprintf(*proxySelector, gateway.Name)}
	timeouts := suite.TimeoutConfig
	var found []corev1.Pod
	err := wait.PollUntilContextTimeout(t.Context(), timeouts.DefaultPollInterval, timeouts.GatewayMustHaveAddress, true,
		func(ctx context.Context) (bool, error) {
			pods, err := suite.Clientset.CoreV1().Pods("").List(ctx, options)
			if err != nil {
				return false, err
			}
			found = slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool {
				return pod.DeletionTimestamp != nil || pod.Status.PodIP == ""
			})
			return len(found) > 0, nil
		})
	require.NoError(t, err, "there are no pods of the Gateway: %s", options.LabelSelector)
	return found
}

// addressOfPod is empty where the pod has no address of the family.
func addressOfPod(pod corev1.Pod, family corev1.IPFamily) string {
	for _, each := range pod.Status.PodIPs {
		if ip, err := netip.ParseAddr(each.IP); err == nil && familyOf(ip) == family {
			return each.IP
		}
	}
	return ""
}

func expectAnswer(t *testing.T, suite *confsuite.ConformanceTestSuite, url string) {
	t.Helper()
	timeouts := suite.TimeoutConfig
	client := nethttp.Client{Timeout: timeouts.RequestTimeout}
	last := ""
	err := wait.PollUntilContextTimeout(t.Context(), timeouts.DefaultPollInterval, timeouts.MaxTimeToConsistency, true,
		func(context.Context) (bool, error) {
			response, err := client.Get(url)
			if err != nil {
				last = err.Error()
				return false, nil
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			last = response.Status
			return err == nil && response.StatusCode == nethttp.StatusOK && len(body) > 0, nil
		})
	require.NoError(t, err, "%s: %s", url, last)
}
