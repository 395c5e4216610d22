// Command protobuf-fields prints the numbers of the fields of Kubernetes' kinds in Protocol Buffers, by the tags of the
// Go structs: data/protobuf/README.md describes what it prints. With --record, it prints objects as they are encoded.
package main

import (
	"fmt"
	"log"
	"os"
	"reflect"
	"slices"
	"strings"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	apps "k8s.io/api/apps/v1"
	authentication "k8s.io/api/authentication/v1"
	authorization "k8s.io/api/authorization/v1"
	autoscaling "k8s.io/api/autoscaling/v1"
	batch "k8s.io/api/batch/v1"
	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	events "k8s.io/api/events/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	rbac "k8s.io/api/rbac/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var groups = []struct {
	version schema.GroupVersion
	add     func(*runtime.Scheme) error
}{
	{core.SchemeGroupVersion, core.AddToScheme},
	{admissionregistration.SchemeGroupVersion, admissionregistration.AddToScheme},
	{apiextensions.SchemeGroupVersion, apiextensions.AddToScheme},
	{apps.SchemeGroupVersion, apps.AddToScheme},
	{authentication.SchemeGroupVersion, authentication.AddToScheme},
	{authorization.SchemeGroupVersion, authorization.AddToScheme},
	{autoscaling.SchemeGroupVersion, autoscaling.AddToScheme},
	{batch.SchemeGroupVersion, batch.AddToScheme},
	{coordination.SchemeGroupVersion, coordination.AddToScheme},
	{discovery.SchemeGroupVersion, discovery.AddToScheme},
	{events.SchemeGroupVersion, events.AddToScheme},
	{networking.SchemeGroupVersion, networking.AddToScheme},
	{policy.SchemeGroupVersion, policy.AddToScheme},
	{rbac.SchemeGroupVersion, rbac.AddToScheme},
}

// Messages whose JSON is not an object with their fields: the reader knows them by name.
var special = []string{
	"meta.v1.Time", "meta.v1.MicroTime", "meta.v1.FieldsV1", "resource.Quantity", "intstr.IntOrString",
	"runtime.RawExtension", "apiextensions.v1.JSON",
}

type unmarshaler interface{ Unmarshal([]byte) error }

var isMessage = reflect.TypeFor[unmarshaler]()

func main() {
	if len(os.Args) > 1 && os.Args[1] == "--record" {
		record()
		return
	}
	printTable()
}

func printTable() {
	table := map[string]string{}
	for _, group := range groups {
		scheme := runtime.NewScheme()
		if err := group.add(scheme); err != nil {
			log.Fatal(err)
		}
		for kind, kindType := range scheme.KnownTypes(group.version) {
			isOptions := strings.HasSuffix(kind, "Options") && kind != "DeleteOptions"
			if !strings.HasSuffix(kind, "List") && !isOptions && kind != "WatchEvent" {
				describe(kindType, table)
			}
		}
	}
	names := make([]string, 0, len(table))
	for name := range table {
		names = append(names, name)
	}
	slices.Sort(names)
	last := ""
	for _, name := range names {
		dot := strings.LastIndex(name, ".")
		if section := name[:dot]; section != last {
			last = section
			fmt.Printf("[%s]\n", section)
		}
		fmt.Printf("%s%s\n", name[dot+1:], strings.ReplaceAll(table[name], ":"+last+".", ":"))
	}
}

// describe adds the line of a message and of all that it holds; it returns the message's name.
func describe(message reflect.Type, table map[string]string) string {
	name := nameOf(message)
	if _, done := table[name]; done || slices.Contains(special, name) {
		return name
	}
	table[name] = ""
	var line strings.Builder
	if message.Kind() == reflect.Slice { // such as ExtraValue: a list that is a message with items
		fmt.Fprintf(&line, " 1=*:%s[]", typeOf(message.Elem(), table))
		table[name] = line.String()
		return name
	}
	for i := range message.NumField() {
		field := message.Field(i)
		parts := strings.Split(field.Tag.Get("protobuf"), ",")
		if len(parts) < 3 {
			continue
		}
		fmt.Fprintf(&line, " %s=%s:%s", parts[1], jsonName(field, parts), typeOf(field.Type, table))
	}
	table[name] = line.String()
	return name
}

// jsonName is empty for what is inlined.
func jsonName(field reflect.StructField, tag []string) string {
	json := strings.Split(field.Tag.Get("json"), ",")
	if json[0] != "" {
		return json[0]
	}
	if slices.Contains(json, "inline") {
		return ""
	}
	if len(tag) == 3 {
		log.Fatalf("%s: a field without a name", field.Name)
	}
	return strings.TrimPrefix(tag[3], "name=")
}

func typeOf(t reflect.Type, table map[string]string) string {
	if t.Kind() == reflect.Pointer {
		name := typeOf(t.Elem(), table)
		if reflect.PointerTo(t.Elem()).Implements(isMessage) {
			return name
		}
		return name + "?"
	}
	if reflect.PointerTo(t).Implements(isMessage) {
		return describe(t, table)
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int32, reflect.Int64, reflect.Float64:
		return t.Kind().String()
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return typeOf(t.Elem(), table) + "[]"
	case reflect.Map:
		return typeOf(t.Elem(), table) + "{}"
	default:
		log.Fatalf("%s: a type that no field should have", t)
		return ""
	}
}

// nameOf is `core.v1.Pod`: the package within its module, and the type.
func nameOf(t reflect.Type) string {
	parts := strings.Split(t.PkgPath(), "/")
	from := len(parts) - 1
	if strings.HasPrefix(parts[from], "v") {
		from--
	}
	return strings.Join(parts[from:], ".") + "." + t.Name()
}
