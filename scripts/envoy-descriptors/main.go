// Command envoy-descriptors writes the descriptors of Envoy's v3 API, gzipped, to standard output: one
// google.protobuf.FileDescriptorSet with every file after the files that it imports. Options that only generators and
// validators read (validate.rules, udpa.annotations, …) are left out, and with them the imports that they needed.
package main

import (
	"compress/gzip"
	"log"
	"os"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

func main() {
	writer, err := gzip.NewWriterLevel(os.Stdout, gzip.BestCompression)
	if err != nil {
		log.Fatal(err)
	}
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(descriptorSet())
	if err != nil {
		log.Fatal(err)
	}
	if _, err := writer.Write(bytes); err != nil {
		log.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		log.Fatal(err)
	}
}

// descriptorSet holds all linked files that carry messages, enums or services, in the order of their imports.
func descriptorSet() *descriptorpb.FileDescriptorSet {
	var roots []protoreflect.FileDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		roots = append(roots, file)
		return true
	})
	slices.SortFunc(roots, func(a, b protoreflect.FileDescriptor) int {
		if a.Path() < b.Path() {
			return -1
		}
		return 1
	})
	set := &descriptorpb.FileDescriptorSet{}
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if seen[file.Path()] || onlyAnnotates(file.Path()) {
			return
		}
		seen[file.Path()] = true
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, stripped(file))
	}
	for _, file := range roots {
		add(file)
	}
	return set
}

// onlyAnnotates tells of files that define nothing but options.
func onlyAnnotates(path string) bool {
	for _, prefix := range []string{"validate/", "udpa/annotations/", "xds/annotations/", "envoy/annotations/"} {
		if len(path) > len(prefix) && path[:len(prefix)] == prefix {
			return true
		}
	}
	return path == "google/protobuf/descriptor.proto" || path == "google/api/annotations.proto" || path == "google/api/http.proto"
}

func stripped(file protoreflect.FileDescriptor) *descriptorpb.FileDescriptorProto {
	result := protodesc.ToFileDescriptorProto(file)
	result.SourceCodeInfo = nil
	result.Dependency = slices.DeleteFunc(result.Dependency, onlyAnnotates)
	result.PublicDependency, result.WeakDependency = nil, nil
	result.Options, result.Extension = nil, nil
	for _, message := range result.MessageType {
		stripMessage(message)
	}
	for _, enum := range result.EnumType {
		stripEnum(enum)
	}
	for _, service := range result.Service {
		service.Options = nil
		for _, method := range service.Method {
			method.Options = nil
		}
	}
	return result
}

// What the wire format and JSON need of the options: map entries and packing. Deprecation is kept for messages to users.
func stripMessage(message *descriptorpb.DescriptorProto) {
	if message.Options != nil {
		message.Options = &descriptorpb.MessageOptions{MapEntry: message.Options.MapEntry}
	}
	for _, field := range message.Field {
		if field.Options != nil {
			field.Options = &descriptorpb.FieldOptions{Packed: field.Options.Packed, Deprecated: field.Options.Deprecated}
		}
	}
	for _, oneof := range message.OneofDecl {
		oneof.Options = nil
	}
	for _, enum := range message.EnumType {
		stripEnum(enum)
	}
	for _, nested := range message.NestedType {
		stripMessage(nested)
	}
}

func stripEnum(enum *descriptorpb.EnumDescriptorProto) {
	enum.Options = nil
	for _, value := range enum.Value {
		value.Options = nil
	}
}
