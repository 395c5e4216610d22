package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"log"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
)

//go:embed objects.yaml
var objects string

// record prints what Kubernetes' encoder makes of objects.yaml, one object after the other: the bytes, and as JSON what
// its decoder makes of them again.
func record() {
	scheme := runtime.NewScheme()
	for _, group := range groups {
		if err := group.add(scheme); err != nil {
			log.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme).UniversalDeserializer()
	encoder := protobuf.NewSerializer(scheme, scheme)
	separator := "["
	for _, text := range strings.Split(objects, "\n---\n") {
		object, kind, err := decoder.Decode([]byte(text), nil, nil)
		if err != nil {
			log.Fatalf("%v in %s", err, text)
		}
		object.GetObjectKind().SetGroupVersionKind(*kind)
		var encoded bytes.Buffer
		if err := encoder.Encode(object, &encoded); err != nil {
			log.Fatal(err)
		}
		again, _, err := encoder.Decode(encoded.Bytes(), nil, nil)
		if err != nil {
			log.Fatal(err)
		}
		line, err := json.Marshal(map[string]any{"bytes": encoded.Bytes(), "object": again})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n%s", separator, line)
		separator = ","
	}
	fmt.Println("\n]")
}
