// The image echo-advanced of the Gateway API's mesh tests: a server, and the command `client` that the suite runs in its
// pods and whose output it parses (sigs.k8s.io/gateway-api/conformance/utils/echo). The flags and lines are those that
// the suite's manifests and parser use.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

const clientPath = "/usr/local/bin/client"

func main() {
	var err error
	if filepath.Base(os.Args[0]) == "client" {
		err = callFromFlags(os.Args[1:])
	} else {
		installClient()
		err = serveFromFlags(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// An image of the lab is one program; the other name that the real image has for it is made in the pod's own files.
func installClient() {
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, clientPath)
	}
	if err != nil && !os.IsExist(err) {
		fmt.Fprintf(os.Stderr, "no %s: %v\n", clientPath, err)
	}
}
