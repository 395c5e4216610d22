package api

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

func newClientset(config *rest.Config) (*kubernetes.Clientset, error) {
	return kubernetes.NewForConfig(config)
}

func TestControllerRuntimeClient(t *testing.T) {
	ctx := deadline(t)
	ns := namespace(t, clientset(t))
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "owner"}}
	if err := c.Create(ctx, owner); err != nil {
		t.Fatal(err)
	}
	service := dualStack("web")
	service.Namespace = ns
	mutate := func() error {
		service.Labels = map[string]string{"managed": "yes"}
		return controllerutil.SetControllerReference(owner, service, c.Scheme())
	}
	for want := range []int{0, 1} {
		result, err := controllerutil.CreateOrUpdate(ctx, c, service, mutate)
		expected := []controllerutil.OperationResult{controllerutil.OperationResultCreated, controllerutil.OperationResultNone}[want]
		if err != nil || result != expected {
			t.Fatalf("CreateOrUpdate says %s, want %s: %v", result, expected, err)
		}
	}
	var list corev1.ServiceList
	if err := c.List(ctx, &list, client.InNamespace(ns), client.MatchingLabels{"managed": "yes"}); err != nil || len(list.Items) != 1 {
		t.Fatalf("%d services: %v", len(list.Items), err)
	}
	base := service.DeepCopy()
	service.Annotations = map[string]string{"a": "b"}
	if err := c.Patch(ctx, service, client.MergeFrom(base)); err != nil {
		t.Fatal(err)
	}
	if err := c.Status().Patch(ctx, service, client.RawPatch("application/merge-patch+json",
		[]byte(`{"status":{"loadBalancer":{"ingress":[]}}}`))); err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteAllOf(ctx, &corev1.Service{}, client.InNamespace(ns)); err != nil {
		t.Fatal(err)
	}
	if err := c.Get(ctx, client.ObjectKeyFromObject(service), service); !apierrors.IsNotFound(err) {
		t.Fatalf("after DeleteAllOf: %v", err)
	}
}
