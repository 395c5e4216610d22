// Package gateway runs the Gateway API's conformance suite against the cluster of KUBECONFIG.
package gateway

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"
	clientset "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/conformance"
	confsuite "sigs.k8s.io/gateway-api/conformance/utils/suite"

	"tandem/conformance/gateway/dualstack"
)

// TestConformance takes the suite's own flags.
func TestConformance(t *testing.T) {
	options := optionsOf(t)
	options.ConformanceProfiles = slices.DeleteFunc(options.ConformanceProfiles,
		func(name confsuite.ConformanceProfileName) bool { return name == dualstack.ProfileName })
	if len(options.ConformanceProfiles) == 0 {
		t.Skip("none of the official profiles is asked for")
	}
	awaitFeatures(t, options.Client, options.GatewayClassName)
	conformance.RunConformanceWithOptions(t, options)
}

func optionsOf(t *testing.T) confsuite.ConformanceOptions {
	t.Helper()
	options := conformance.DefaultOptions(t)
	config := rest.CopyConfig(options.RestConfig)
	config.QPS = -1
	var err error
	options.RestConfig = config
	options.Client, err = client.New(config, client.Options{Scheme: options.Client.Scheme()})
	require.NoError(t, err, "the client of the suite")
	options.Clientset, err = clientset.NewForConfig(config)
	require.NoError(t, err, "the clientset of the suite")
	return options
}

// The suite reads the features that the class claims at once, and gives up where there are none.
func awaitFeatures(t *testing.T, reader client.Reader, class string) {
	claims := func() bool {
		var object gatewayv1.GatewayClass
		err := reader.Get(t.Context(), types.NamespacedName{Name: class}, &object)
		return err == nil && len(object.Status.SupportedFeatures) > 0
	}
	require.Eventually(t, claims, time.Minute, 100*time.Millisecond, "GatewayClass %s claims no features", class)
}
