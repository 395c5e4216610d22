// Package api drives Tandem's API server with the clients that Kubernetes controllers are written with.
//
// KUBECONFIG names the server to drive; without it every test starts `tandem apiserver` for itself.
package api

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

var config *rest.Config

func TestMain(m *testing.M) {
	kubeconfig, stop, err := serve()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	config, err = clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	config.QPS = -1
	code := m.Run()
	stop()
	os.Exit(code)
}

// serve gives the kubeconfig of the server to test, and how to stop it.
func serve() (string, func(), error) {
	if given := os.Getenv("KUBECONFIG"); given != "" {
		return given, func() {}, nil
	}
	directory, err := os.MkdirTemp("", "tandem-api-")
	if err != nil {
		return "", nil, err
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	command := exec.Command(filepath.Join("..", "..", "bin", "tandem"), "apiserver",
		"--service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112",
		fmt.Sprintf("--secure-port=%d", port), "--data-dir="+directory)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := command.Start(); err != nil {
		return "", nil, err
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil || !strings.Contains(line, "serving") {
		return "", nil, fmt.Errorf("tandem apiserver says %q: %v", line, err)
	}
	stop := func() {
		_ = command.Process.Signal(os.Interrupt)
		_ = command.Wait()
		_ = os.RemoveAll(directory)
	}
	return filepath.Join(directory, "kubeconfig"), stop, nil
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// clientset is a typed client that sends protobuf, as Kubernetes' own components do; namespace a fresh namespace that goes with the test.
func clientset(t *testing.T) *kubernetes.Clientset {
	t.Helper()
	protobuf := rest.CopyConfig(config)
	protobuf.ContentType = "application/vnd.kubernetes.protobuf"
	protobuf.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	client, err := kubernetes.NewForConfig(protobuf)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func namespace(t *testing.T, client *kubernetes.Clientset) string {
	t.Helper()
	created, err := client.CoreV1().Namespaces().Create(context.Background(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "go-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.CoreV1().Namespaces().Delete(context.Background(), created.Name, metav1.DeleteOptions{})
	})
	return created.Name
}

// within is how long a client may wait for what must come: generous, it only ends a hang.
const within = 30 * time.Second

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	t.Cleanup(cancel)
	return ctx
}
