package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	pb "sigs.k8s.io/gateway-api/conformance/echo-basic/grpcechoserver"
)

const timeout = 10 * time.Second

// request is what `client URL [--method=M] [-H NAME:VALUE]… [--count=N]` asks for.
type request struct {
	url     *url.URL
	method  string
	headers http.Header
	count   int
}

func callFromFlags(arguments []string) error {
	asked, err := parse(arguments)
	if err != nil {
		return err
	}
	call := callHTTP
	if asked.url.Scheme == "grpc" {
		call = callGRPC
	}
	send, err := call(asked)
	if err != nil {
		return err
	}
	for number := range asked.count {
		lines, err := send()
		if err != nil {
			return err
		}
		for _, line := range lines {
			fmt.Printf("[%d%s\n", number, line)
		}
		fmt.Println()
	}
	return nil
}

func parse(arguments []string) (request, error) {
	asked := request{method: http.MethodGet, headers: http.Header{}, count: 1}
	for i := 0; i < len(arguments); i++ {
		name, value, given := strings.Cut(strings.TrimLeft(arguments[i], "-"), "=")
		if !strings.HasPrefix(arguments[i], "-") {
			parsed, err := url.Parse(arguments[i])
			if err != nil {
				return asked, err
			}
			asked.url = parsed
			continue
		}
		if !given {
			if i++; i == len(arguments) {
				return asked, fmt.Errorf("flag %s has no value", arguments[i-1])
			}
			value = arguments[i]
		}
		if err := asked.take(name, value); err != nil {
			return asked, err
		}
	}
	if asked.url == nil {
		return asked, fmt.Errorf("no URL is given")
	}
	return asked, nil
}

func (r *request) take(flag, value string) (err error) {
	switch flag {
	case "method":
		r.method = value
	case "H", "header":
		name, text, _ := strings.Cut(value, ":")
		r.headers.Add(name, strings.TrimSpace(text))
	case "count":
		r.count, err = strconv.Atoi(value)
	default:
		err = fmt.Errorf("unknown flag %s", flag)
	}
	return err
}

// Redirects are answers. A call is a connection of its own.
func callHTTP(asked request) (func() ([]string, error), error) {
	client := &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return func() ([]string, error) {
		message, err := http.NewRequest(asked.method, asked.url.String(), nil)
		if err != nil {
			return nil, err
		}
		message.Header = asked.headers.Clone()
		if host := message.Header.Get("Host"); host != "" {
			message.Host = host
			message.Header.Del("Host")
		}
		response, err := client.Do(message)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		lines := []string{"] Url=" + asked.url.String(), "] StatusCode=" + strconv.Itoa(response.StatusCode)}
		for name, values := range response.Header {
			for _, value := range values {
				lines = append(lines, "] ResponseHeader="+name+":"+value)
			}
		}
		for line := range strings.Lines(string(body)) {
			lines = append(lines, " body] "+strings.TrimSuffix(line, "\n"))
		}
		return lines, err
	}, nil
}

// All calls go over one connection; the suite knows no status of gRPC, but 200 for one that succeeds.
func callGRPC(asked request) (func() ([]string, error), error) {
	connection, err := grpc.NewClient("passthrough:///"+asked.url.Host,
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	client := pb.NewGrpcEchoClient(connection)
	return func() ([]string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		for name, values := range asked.headers {
			for _, value := range values {
				ctx = metadata.AppendToOutgoingContext(ctx, name, value)
			}
		}
		response, err := client.Echo(ctx, &pb.EchoRequest{})
		if err != nil {
			return nil, err
		}
		assertions := response.GetAssertions()
		lines := []string{
			"] Url=" + asked.url.String(), "] StatusCode=200", " body] Hostname=" + assertions.GetContext().GetPod(),
		}
		for _, header := range assertions.GetHeaders() {
			lines = append(lines, " body] RequestHeader="+header.GetKey()+":"+header.GetValue())
		}
		return lines, nil
	}, nil
}
