// Package dualstack is a conformance profile for Gateways in dual-stack clusters, in the style of the Gateway API's
// own: any implementation can run it. Gateways are dialled at their addresses of both families, and lead to backends
// of one family and of both. The suite must run where it can dial both families.
package dualstack

import (
	"embed"
	"flag"

	"k8s.io/apimachinery/pkg/util/sets"
	confsuite "sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/pkg/features"
)

// ProfileName is what --conformance-profiles calls the profile.
const ProfileName confsuite.ConformanceProfileName = "GATEWAY-DUALSTACK"

const (
	// SupportDualStack stands for Gateways that have an address of each family of the cluster.
	SupportDualStack features.FeatureName = "GatewayDualStack"
	// SupportDualStackHealthPort stands for proxies that tell of their readiness over both families.
	SupportDualStackHealthPort features.FeatureName = "GatewayDualStackHealthPort"
	// SupportDualStackStatsPort stands for proxies that give their figures over both families.
	SupportDualStackStatsPort features.FeatureName = "GatewayDualStackStatsPort"
	// SupportDualStackFamilyLoss stands for Gateways that go on while a backend is dead on one of its families.
	SupportDualStackFamilyLoss features.FeatureName = "GatewayDualStackFamilyLoss"
)

// Manifests are those of the tests, and BackendManifests the backends that all of them share.
//
//go:embed manifests/*
var Manifests embed.FS

// BackendManifests is the path of the shared backends in Manifests.
const BackendManifests = "manifests/backends.yaml"

// Tests are those of the profile.
var Tests []confsuite.ConformanceTest

var (
	healthPort = flag.Int("dualstack-health-port", 19003,
		"port on which pods of a Gateway answer to probes of their readiness; 0 where they have none that can be reached")
	healthPath = flag.String("dualstack-health-path", "/ready", "path of the readiness of a Gateway's pods")
	statsPort  = flag.Int("dualstack-stats-port", 19001,
		"port on which pods of a Gateway give their figures; 0 where they have none that can be reached")
	statsPath     = flag.String("dualstack-stats-path", "/stats/prometheus", "path of the figures of a Gateway's pods")
	proxySelector = flag.String("dualstack-proxy-selector", "gateway.networking.k8s.io/gateway-name=%s",
		"labels of a Gateway's pods; %s is the Gateway's name (GEP-1762)")
	breakCommand = flag.String("dualstack-break-command", "",
		"shell command that takes the family $FAMILY (IPv4 or IPv6) from the pod $POD of the namespace $NAMESPACE; "+
			"nothing of it is answered from then on, not even a connection")
	mendCommand = flag.String("dualstack-mend-command", "", "shell command that takes back what the other one did")
)

func init() {
	confsuite.RegisterConformanceProfile(confsuite.ConformanceProfile{
		Name: ProfileName,
		CoreFeatures: sets.New(
			SupportDualStack,
			features.SupportGateway,
			features.SupportReferenceGrant,
			features.SupportHTTPRoute,
		),
		ExtendedFeatures: sets.New(
			features.SupportGRPCRoute,
			features.SupportTLSRoute,
			features.SupportTLSRouteModeTerminate,
			features.SupportTCPRoute,
			features.SupportUDPRoute,
			SupportDualStackHealthPort,
			SupportDualStackStatsPort,
			SupportDualStackFamilyLoss,
		),
	})
}

// OptionalFeatures are those of the profile that the flags of this run allow for.
func OptionalFeatures() []features.FeatureName {
	found := []features.FeatureName{SupportDualStack}
	if *healthPort != 0 {
		found = append(found, SupportDualStackHealthPort)
	}
	if *statsPort != 0 {
		found = append(found, SupportDualStackStatsPort)
	}
	if *breakCommand != "" && *mendCommand != "" {
		found = append(found, SupportDualStackFamilyLoss)
	}
	return found
}
