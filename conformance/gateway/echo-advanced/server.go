package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	pb "sigs.k8s.io/gateway-api/conformance/echo-basic/grpcechoserver"
)

// ports are those of a flag that may be given several times.
type ports []int

func (p *ports) String() string { return fmt.Sprint(*p) }

func (p *ports) Set(text string) error {
	port, err := strconv.Atoi(text)
	*p = append(*p, port)
	return err
}

// Every port is listened on by one socket for both families.
func serveFromFlags(arguments []string) error {
	var web, secure, streams, calls ports
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.Var(&web, "port", "HTTP/1.1 and HTTP/2 (repeatable)")
	flags.Var(&secure, "tls", "those of the HTTP ports that are TLS (repeatable)")
	flags.Var(&streams, "tcp", "lines answered as they come (repeatable)")
	flags.Var(&calls, "grpc", "gRPC (repeatable)")
	flags.String("crt", "", "taken and not used: the image's own certificate is made at start")
	flags.String("key", "", "likewise")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	failed := make(chan error, 1)
	start := func(port int, serve func(net.Listener) error) {
		listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err == nil {
			go func() { failed <- serve(listener) }()
			fmt.Printf("listening on port %d\n", port)
			return
		}
		go func() { failed <- err }()
	}
	config, err := ownTLS()
	if err != nil {
		return err
	}
	for _, port := range web {
		if contains(secure, port) {
			start(port, func(l net.Listener) error { return serveHTTP(tls.NewListener(l, config), port) })
		} else {
			start(port, func(l net.Listener) error { return serveHTTP(l, port) })
		}
	}
	for _, port := range streams {
		start(port, serveLines)
	}
	for _, port := range calls {
		start(port, func(l net.Listener) error { return serveGRPC(l, port) })
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case err = <-failed:
		return err
	case <-stop:
		return nil
	}
}

func contains(list ports, port int) bool {
	for _, each := range list {
		if each == port {
			return true
		}
	}
	return false
}

// describe writes what the suite's parser reads of the server: who answered, and what came.
func describe(port int, headers map[string][]string, more ...string) string {
	host, _ := os.Hostname()
	lines := append([]string{fmt.Sprintf("ServicePort=%d", port), "Hostname=" + host}, more...)
	names := make([]string, 0, len(headers))
	for name := range headers {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		for _, value := range headers[name] {
			lines = append(lines, "RequestHeader="+name+":"+value)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func serveHTTP(listener net.Listener, port int) error {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	handler := func(w http.ResponseWriter, r *http.Request) {
		ip, _, _ := net.SplitHostPort(r.RemoteAddr)
		_, _ = fmt.Fprint(w, describe(port, r.Header,
			"Method="+r.Method, "Proto="+r.Proto, "Host="+r.Host, "URL="+r.URL.RequestURI(), "IP="+ip))
	}
	server := &http.Server{Handler: http.HandlerFunc(handler), Protocols: protocols, ReadHeaderTimeout: time.Minute}
	return server.Serve(listener)
}

func serveLines(listener net.Listener) error {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			lines := bufio.NewScanner(connection)
			host, _ := os.Hostname()
			for lines.Scan() {
				_, _ = fmt.Fprintf(connection, "%s %s\n", host, lines.Text())
			}
		}()
	}
}

type echo struct {
	pb.UnimplementedGrpcEchoServer
}

func (echo) Echo(ctx context.Context, _ *pb.EchoRequest) (*pb.EchoResponse, error) {
	came, _ := metadata.FromIncomingContext(ctx)
	host, _ := os.Hostname()
	response := &pb.EchoResponse{Assertions: &pb.Assertions{Context: &pb.Context{Pod: host}}}
	for name, values := range came {
		for _, value := range values {
			header := &pb.Header{Key: name, Value: value}
			response.Assertions.Headers = append(response.Assertions.Headers, header)
		}
	}
	return response, nil
}

func serveGRPC(listener net.Listener, _ int) error {
	server := grpc.NewServer()
	pb.RegisterGrpcEchoServer(server, echo{})
	return server.Serve(listener)
}

func ownTLS() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"echo"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	certificate := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"}}, err
}
