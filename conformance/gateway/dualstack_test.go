package gateway

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"
	v1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/conformance"
	confsuite "sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/pkg/features"
	"sigs.k8s.io/yaml"

	"tandem/conformance/gateway/dualstack"
)

// TestDualStack runs the profile GATEWAY-DUALSTACK where it is asked for, and nothing else.
func TestDualStack(t *testing.T) {
	options := optionsOf(t)
	if !slices.Contains(options.ConformanceProfiles, dualstack.ProfileName) {
		t.Skipf("%s is not among --conformance-profiles", dualstack.ProfileName)
	}
	options.ConformanceProfiles = []confsuite.ConformanceProfileName{dualstack.ProfileName}
	options.SupportedFeatures = append(featuresOf(t, options), dualstack.OptionalFeatures()...)
	options.ManifestFS = []fs.FS{&dualstack.Manifests, &conformance.Manifests}
	suite, err := confsuite.NewConformanceTestSuite(options)
	require.NoError(t, err, "error initializing conformance suite")
	suite.Setup(t, dualstack.Tests)
	suite.Applier.MustApplyWithCleanup(
		t, suite.Client, suite.TimeoutConfig, dualstack.BackendManifests, suite.Cleanup)
	if options.ReportOutputPath != "" {
		t.Cleanup(func() { report(t, suite, options.ReportOutputPath) })
	}
	require.NoError(t, suite.Run(t, dualstack.Tests))
}

// featuresOf are what the class says it has, as the suite finds them for the official profiles.
func featuresOf(t *testing.T, options confsuite.ConformanceOptions) []features.FeatureName {
	t.Helper()
	if len(options.SupportedFeatures) > 0 {
		return options.SupportedFeatures
	}
	awaitFeatures(t, options.Client, options.GatewayClassName)
	class := &v1.GatewayClass{}
	err := options.Client.Get(t.Context(), types.NamespacedName{Name: options.GatewayClassName}, class)
	require.NoError(t, err)
	found := []features.FeatureName{}
	for _, feature := range class.Status.SupportedFeatures {
		found = append(found, features.FeatureName(feature.Name))
	}
	return found
}

// report writes beside the report of the official profiles, which is a run of its own.
func report(t *testing.T, suite *confsuite.ConformanceTestSuite, path string) {
	t.Helper()
	result, err := suite.Report()
	require.NoError(t, err)
	text, err := yaml.Marshal(result)
	require.NoError(t, err)
	if name := filepath.Base(path); !strings.HasPrefix(name, "dualstack-") {
		path = filepath.Join(filepath.Dir(path), "dualstack-"+name)
	}
	require.NoError(t, os.WriteFile(path, text, 0o644))
}
