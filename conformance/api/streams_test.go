package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	utilexec "k8s.io/client-go/util/exec"
)

// lab is a cluster with nodes, named by TANDEM_LAB_KUBECONFIG: streams need pods that run.
func lab(t *testing.T) (*rest.Config, *kubernetes.Clientset) {
	t.Helper()
	kubeconfig := os.Getenv("TANDEM_LAB_KUBECONFIG")
	if kubeconfig == "" {
		t.Skip("2026-11-21: TANDEM_LAB_KUBECONFIG names no lab (tandem up writes one)")
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.ContentType = "application/json"
	config.AcceptContentTypes = "application/json"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return config, client
}

// echoPod runs a TCP echo server on port 9000 and waits until it is ready.
func echoPod(t *testing.T, client *kubernetes.Clientset) (string, string) {
	t.Helper()
	ns := namespace(t, client)
	pods := client.CoreV1().Pods(ns)
	grace := int64(0)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "echo"}, Spec: corev1.PodSpec{
		TerminationGracePeriodSeconds: &grace,
		Containers:                    []corev1.Container{{Name: "echo", Image: "istio/tcp-echo-server", Args: []string{"9000", ""}}},
	}}
	err := wait.PollUntilContextCancel(deadline(t), pollEvery, true, func(ctx context.Context) (bool, error) {
		// the namespace's default service account comes a moment after it
		_, err := pods.Create(ctx, pod, metav1.CreateOptions{})
		return err == nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = wait.PollUntilContextCancel(deadline(t), pollEvery, true, func(ctx context.Context) (bool, error) {
		seen, err := pods.Get(ctx, "echo", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		logs, _ := pods.GetLogs("echo", &corev1.PodLogOptions{}).DoRaw(ctx)
		return seen.Status.Phase == corev1.PodRunning && strings.Contains(string(logs), "listening"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ns, "echo"
}

const pollEvery = 50_000_000 // 50 ms

type executorMaker func(*rest.Config, *rest.Request) (remotecommand.Executor, error)

var executors = map[string]executorMaker{
	"SPDY": func(config *rest.Config, request *rest.Request) (remotecommand.Executor, error) {
		return remotecommand.NewSPDYExecutor(config, "POST", request.URL())
	},
	"WebSocket": func(config *rest.Config, request *rest.Request) (remotecommand.Executor, error) {
		return remotecommand.NewWebSocketExecutor(config, "GET", request.URL().String())
	},
}

func TestExec(t *testing.T) {
	config, client := lab(t)
	ns, name := echoPod(t, client)
	for transport, newExecutor := range executors {
		run := func(command []string, stdin io.Reader) (string, string, error) {
			request := client.CoreV1().RESTClient().Post().Resource("pods").Namespace(ns).Name(name).SubResource("exec").
				VersionedParams(&corev1.PodExecOptions{Command: command, Stdin: stdin != nil, Stdout: true, Stderr: true},
					scheme.ParameterCodec)
			executor, err := newExecutor(config, request)
			if err != nil {
				t.Fatal(err)
			}
			var out, errOut bytes.Buffer
			err = executor.StreamWithContext(deadline(t), remotecommand.StreamOptions{Stdin: stdin, Stdout: &out, Stderr: &errOut})
			return out.String(), errOut.String(), err
		}
		t.Run(transport, func(t *testing.T) {
			out, errOut, err := run([]string{"sh", "-c", "echo out; echo err >&2; exit 7"}, nil)
			var code utilexec.CodeExitError
			if !errors.As(err, &code) || code.Code != 7 || out != "out\n" || errOut != "err\n" {
				t.Errorf("got %q, %q, %v", out, errOut, err)
			}
			large := strings.Repeat("0123456789abcdef", 200_000)
			if out, _, err := run([]string{"cat"}, strings.NewReader(large)); err != nil || out != large {
				t.Errorf("%d of %d bytes came back, %v", len(out), len(large), err)
			}
		})
	}
}

func TestPortForward(t *testing.T) {
	config, client := lab(t)
	ns, name := echoPod(t, client)
	url := client.CoreV1().RESTClient().Post().Resource("pods").Namespace(ns).Name(name).SubResource("portforward").URL()
	roundTripper, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		t.Fatal(err)
	}
	tunnel, err := portforward.NewSPDYOverWebsocketDialer(url, config)
	if err != nil {
		t.Fatal(err)
	}
	dialers := map[string]httpstream.Dialer{
		"SPDY":      spdy.NewDialer(upgrader, &http.Client{Transport: roundTripper}, "POST", url),
		"WebSocket": tunnel,
	}
	for transport, dialer := range dialers {
		t.Run(transport, func(t *testing.T) {
			stop, ready, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			forwarder, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{":9000"}, stop, ready, io.Discard, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			go func() { done <- forwarder.ForwardPorts() }()
			select {
			case <-ready:
			case err := <-done:
				t.Fatal(err)
			}
			ports, err := forwarder.GetPorts()
			if err != nil {
				t.Fatal(err)
			}
			var group sync.WaitGroup
			for i := range 30 {
				group.Go(func() {
					if err := echo(ports[0].Local, fmt.Sprintf("connection %d\n", i)); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			close(stop)
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// echo sends a line, ends its side, and expects it back with the server's prefix.
func echo(port uint16, line string) error {
	connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	defer connection.Close()
	if _, err := connection.Write([]byte(line)); err != nil {
		return err
	}
	if err := connection.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	answer, err := io.ReadAll(connection)
	if err == nil && !strings.HasSuffix(string(answer), line) {
		err = fmt.Errorf("%q came back for %q", answer, line)
	}
	return err
}
