// Powers prints the effective capabilities of its process.
package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "CapEff:") {
			fmt.Print(line)
		}
	}
}
