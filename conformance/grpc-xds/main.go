// A client of gRPC's own for Go with xDS: each line of its input is a target to call; it prints the answer, or why there
// is none. test/envoy/mesh-grpc.test.ts runs it.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	_ "google.golang.org/grpc/xds"
)

// bytes is a codec for messages that are bytes as they are.
type bytes struct{}

func (bytes) Marshal(message any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*message.(*[]byte))}, nil
}

func (bytes) Unmarshal(data mem.BufferSlice, message any) error {
	*message.(*[]byte) = data.Materialize()
	return nil
}

func (bytes) Name() string { return "proto" }

var _ encoding.CodecV2 = bytes{}

func main() {
	clients := map[string]*grpc.ClientConn{}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		answer, err := call(clients, lines.Text())
		if err != nil {
			fmt.Println("failed:", err)
		} else {
			fmt.Println(answer)
		}
	}
}

func call(clients map[string]*grpc.ClientConn, target string) (string, error) {
	client := clients[target]
	if client == nil {
		made, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return "", err
		}
		client, clients[target] = made, made
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var answer []byte
	err := client.Invoke(ctx, "/echo.Echo/Say", &[]byte{}, &answer, grpc.ForceCodecV2(bytes{}))
	return string(answer), err
}
