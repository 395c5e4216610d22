// Package gateway runs the Gateway API's conformance suite against the cluster of KUBECONFIG.
package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"
	clientset "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/gateway-api/conformance"
)

// TestConformance takes the suite's own flags.
func TestConformance(t *testing.T) {
	options := conformance.DefaultOptions(t)
	config := rest.CopyConfig(options.RestConfig)
	// protobuf bodies are refused by Tandem's API server by design
	config.ContentType = "application/json"
	config.AcceptContentTypes = "application/json"
	config.QPS = -1
	var err error
	options.RestConfig = config
	options.Client, err = client.New(config, client.Options{Scheme: options.Client.Scheme()})
	require.NoError(t, err, "the client of the suite")
	options.Clientset, err = clientset.NewForConfig(config)
	require.NoError(t, err, "the clientset of the suite")
	conformance.RunConformanceWithOptions(t, options)
}
