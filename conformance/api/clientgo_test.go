package api

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/wait"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/retry"
)

func dualStack(name string) *corev1.Service {
	policy := corev1.IPFamilyPolicyRequireDualStack
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.ServiceSpec{
			IPFamilyPolicy: &policy,
			Selector:       map[string]string{"app": name},
			Ports:          []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromString("http")}},
		},
	}
}

func TestTypedClientRoundTrip(t *testing.T) {
	ctx, client := deadline(t), clientset(t)
	services := client.CoreV1().Services(namespace(t, client))
	created, err := services.Create(ctx, dualStack("web"), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(created.Spec.ClusterIPs) != 2 || len(created.Spec.IPFamilies) != 2 {
		t.Fatalf("cluster IPs %v, families %v", created.Spec.ClusterIPs, created.Spec.IPFamilies)
	}
	stale := created.DeepCopy()
	created.Labels = map[string]string{"a": "b"}
	if _, err = services.Update(ctx, created, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err = services.Update(ctx, stale, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		t.Fatalf("a stale update: %v", err)
	}
	if _, err = services.Create(ctx, dualStack("web"), metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		t.Fatalf("a second creation: %v", err)
	}
	if err = services.Delete(ctx, "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err = services.Get(ctx, "web", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Fatalf("after deletion: %v", err)
	}
}

func TestInvalidCarriesCauses(t *testing.T) {
	ctx, client := deadline(t), clientset(t)
	service := dualStack("web")
	single := corev1.IPFamilyPolicySingleStack
	service.Spec.IPFamilyPolicy = &single
	service.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}
	_, err := client.CoreV1().Services(namespace(t, client)).Create(ctx, service, metav1.CreateOptions{})
	if !apierrors.IsInvalid(err) || !apierrors.HasStatusCause(err, metav1.CauseTypeFieldValueInvalid) {
		t.Fatalf("two families under SingleStack: %v", err)
	}
}

func TestPatches(t *testing.T) {
	ctx, client := deadline(t), clientset(t)
	services := client.CoreV1().Services(namespace(t, client))
	if _, err := services.Create(ctx, dualStack("web"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	strategic := `{"spec":{"ports":[{"port":443,"name":"https"},{"port":80,"name":"http"}]}}`
	patched, err := services.Patch(ctx, "web", types.StrategicMergePatchType, []byte(strategic), metav1.PatchOptions{})
	if err != nil || len(patched.Spec.Ports) != 2 {
		t.Fatalf("ports %v: %v", patched.Spec.Ports, err)
	}
	patched, err = services.Patch(ctx, "web", types.JSONPatchType,
		[]byte(`[{"op":"remove","path":"/spec/ports/0"}]`), metav1.PatchOptions{})
	if err != nil || len(patched.Spec.Ports) != 1 {
		t.Fatalf("ports %v: %v", patched.Spec.Ports, err)
	}
}

func TestServerSideApply(t *testing.T) {
	ctx, client := deadline(t), clientset(t)
	maps := client.CoreV1().ConfigMaps(namespace(t, client))
	configuration := func(value string) *corev1apply.ConfigMapApplyConfiguration {
		return corev1apply.ConfigMap("c", "").WithData(map[string]string{"k": value})
	}
	first := configuration("1")
	first.Namespace = nil
	if _, err := maps.Apply(ctx, first, metav1.ApplyOptions{FieldManager: "a"}); err != nil {
		t.Fatal(err)
	}
	second := configuration("2")
	second.Namespace = nil
	if _, err := maps.Apply(ctx, second, metav1.ApplyOptions{FieldManager: "b"}); !apierrors.IsConflict(err) {
		t.Fatalf("a conflicting apply: %v", err)
	}
	forced, err := maps.Apply(ctx, second, metav1.ApplyOptions{FieldManager: "b", Force: true})
	if err != nil || forced.Data["k"] != "2" || len(forced.ManagedFields) != 1 {
		t.Fatalf("a forced apply: %v %v", forced, err)
	}
}

func TestPagedListIsConsistent(t *testing.T) {
	ctx, client := deadline(t), clientset(t)
	maps := client.CoreV1().ConfigMaps(namespace(t, client))
	for i := range 10 {
		name := fmt.Sprintf("c%02d", i)
		if _, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"x": "y"}}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	options := metav1.ListOptions{Limit: 4, LabelSelector: "x=y"}
	page, err := maps.List(ctx, options)
	if err != nil || len(page.Items) != 4 || page.Continue == "" {
		t.Fatalf("first page %d, continue %q: %v", len(page.Items), page.Continue, err)
	}
	if err = maps.Delete(ctx, "c09", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	seen, version := len(page.Items), page.ResourceVersion
	for page.Continue != "" {
		options.Continue = page.Continue
		if page, err = maps.List(ctx, options); err != nil {
			t.Fatal(err)
		}
		if page.ResourceVersion != version {
			t.Fatalf("a page of version %s in a list of version %s", page.ResourceVersion, version)
		}
		seen += len(page.Items)
	}
	if seen != 10 {
		t.Fatalf("%d objects in a list begun with 10", seen)
	}
}

func TestInformerSeesEveryChange(t *testing.T) {
	ctx, client := deadline(t), clientset(t)
	ns := namespace(t, client)
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(ns))
	informer := factory.Core().V1().Services().Informer()
	added, updated, deleted := make(chan string, 100), make(chan string, 100), make(chan string, 100)
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { added <- object.(*corev1.Service).Name },
		UpdateFunc: func(_, object any) { updated <- object.(*corev1.Service).Name },
		DeleteFunc: func(object any) { deleted <- object.(*corev1.Service).Name },
	})
	if err != nil {
		t.Fatal(err)
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		t.Fatal("the informer does not sync")
	}
	services := client.CoreV1().Services(ns)
	for i := range 20 {
		name := fmt.Sprintf("s%02d", i)
		if _, err := services.Create(ctx, dualStack(name), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
		service, err := services.Get(ctx, "s00", metav1.GetOptions{})
		if err != nil {
			return err
		}
		service.Annotations = map[string]string{"x": "y"}
		_, err = services.Update(ctx, service, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := services.Delete(ctx, fmt.Sprintf("s%02d", i), metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for name, channel := range map[string]chan string{"added": added, "deleted": deleted} {
		for i := range 20 {
			select {
			case <-channel:
			case <-ctx.Done():
				t.Fatalf("%s: only %d of 20 seen", name, i)
			}
		}
	}
	if name := <-updated; name != "s00" {
		t.Fatalf("updated %s", name)
	}
}

func TestLeaderElection(t *testing.T) {
	ctx, client := deadline(t), clientset(t)
	ns := namespace(t, client)
	leads := make(chan string, 2)
	run := func(identity string) context.CancelFunc {
		own, cancel := context.WithCancel(ctx)
		lock := &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: ns, Name: "leader"},
			Client:     client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
		}
		go leaderelection.RunOrDie(own, leaderelection.LeaderElectionConfig{
			Lock: lock, ReleaseOnCancel: true,
			LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 200 * time.Millisecond,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { leads <- identity },
				OnStoppedLeading: func() {},
			},
		})
		return cancel
	}
	stopFirst := run("first")
	if leader := <-leads; leader != "first" {
		t.Fatalf("%s leads", leader)
	}
	defer run("second")()
	stopFirst()
	select {
	case leader := <-leads:
		if leader != "second" {
			t.Fatalf("%s leads", leader)
		}
	case <-ctx.Done():
		t.Fatal("nobody took over")
	}
}

func TestScaleSubresource(t *testing.T) {
	ctx, client := deadline(t), clientset(t)
	deployments := client.AppsV1().Deployments(namespace(t, client))
	labels := map[string]string{"app": "web"}
	_, err := deployments.Create(ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	scale, err := deployments.GetScale(ctx, "web", metav1.GetOptions{})
	if err != nil || scale.Spec.Replicas != 1 || scale.Status.Selector != "app=web" {
		t.Fatalf("scale %v: %v", scale, err)
	}
	scale.Spec.Replicas = 4
	if _, err = deployments.UpdateScale(ctx, "web", scale, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	deployment, err := deployments.Get(ctx, "web", metav1.GetOptions{})
	if err != nil || *deployment.Spec.Replicas != 4 || deployment.Generation != 2 {
		t.Fatalf("replicas %d, generation %d: %v", *deployment.Spec.Replicas, deployment.Generation, err)
	}
}

func TestFinalizersHoldDeletion(t *testing.T) {
	ctx, client := deadline(t), clientset(t)
	maps := client.CoreV1().ConfigMaps(namespace(t, client))
	held := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "c", Finalizers: []string{"example.com/hold"}}}
	if _, err := maps.Create(ctx, held, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := maps.Delete(ctx, "c", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	object, err := maps.Get(ctx, "c", metav1.GetOptions{})
	if err != nil || object.DeletionTimestamp == nil {
		t.Fatalf("held: %v %v", object, err)
	}
	object.Finalizers = nil
	if _, err = maps.Update(ctx, object, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	err = wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, within, true, func(ctx context.Context) (bool, error) {
		_, err := maps.Get(ctx, "c", metav1.GetOptions{})
		return apierrors.IsNotFound(err), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDiscovery(t *testing.T) {
	client := clientset(t)
	version, err := client.Discovery().ServerVersion()
	if err != nil || version.Major != "1" {
		t.Fatalf("version %v: %v", version, err)
	}
	resources, err := discovery.ServerPreferredResources(client.Discovery())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, list := range resources {
		for _, resource := range list.APIResources {
			found[list.GroupVersion+"/"+resource.Name] = true
		}
	}
	for _, wanted := range []string{"v1/services", "discovery.k8s.io/v1/endpointslices", "networking.k8s.io/v1/ipaddresses"} {
		if !found[wanted] {
			t.Errorf("discovery lacks %s", wanted)
		}
	}
}

// The same object becomes the same, in whichever form it is sent.
func TestFormsOfBodies(t *testing.T) {
	ctx, protobuf := deadline(t), clientset(t)
	json, err := newClientset(config)
	if err != nil {
		t.Fatal(err)
	}
	var made []*appsv1.Deployment
	for _, client := range []*kubernetes.Clientset{json, protobuf} {
		zero := int32(0)
		labels := map[string]string{"app": "web"}
		deployment := &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: "web"},
			Spec: appsv1.DeploymentSpec{
				Replicas: &zero,
				Selector: &metav1.LabelSelector{MatchLabels: labels},
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: labels},
					Spec: corev1.PodSpec{Containers: []corev1.Container{{
						Name: "c", Image: "i",
						Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("1500m")}},
						LivenessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
							HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(80)}}},
					}}},
				},
			},
		}
		created, err := client.AppsV1().Deployments(namespace(t, client)).Create(ctx, deployment, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, created)
	}
	if !reflect.DeepEqual(made[0].Spec, made[1].Spec) {
		t.Fatalf("in JSON %v, in protobuf %v", made[0].Spec, made[1].Spec)
	}
}

func TestRecordedEvents(t *testing.T) {
	ctx, client := deadline(t), clientset(t)
	ns := namespace(t, client)
	about := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "c", Namespace: ns}}
	old := record.NewBroadcaster()
	old.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	defer old.Shutdown()
	recent := events.NewBroadcaster(&events.EventSinkImpl{Interface: client.EventsV1()})
	recent.StartRecordingToSink(ctx.Done())
	defer recent.Shutdown()
	old.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "go"}).Event(about, "Normal", "Old", "of core/v1")
	recent.NewRecorder(scheme.Scheme, "go").Eventf(about, nil, "Warning", "Recent", "Test", "of events.k8s.io/v1")
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, within, true, func(ctx context.Context) (bool, error) {
		list, err := client.CoreV1().Events(ns).List(ctx, metav1.ListOptions{})
		return err == nil && len(list.Items) == 2, err
	})
	if err != nil {
		t.Fatal(err)
	}
}
