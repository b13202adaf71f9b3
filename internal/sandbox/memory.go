package sandbox

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// fitsMemory says whether the unpacked tree may be in a tmpfs. Files are made
// several times faster there, and directories list their entries in the same
// order on every host. It may take a quarter of what is available; a larger
// root goes to the disk.
func fitsMemory(t *tree.Tree) bool {
	const page = 4096
	var need int64
	plain := true
	t.Walk(func(_ string, n *tree.Node) error {
		need += (n.Size() + 2*page - 1) / page * page
		for name := range n.Xattrs {
			// tmpfs has these since Linux 6.6 only.
			plain = plain && !strings.HasPrefix(name, "user.")
		}
		return nil
	})
	return plain && need < availableMemory()/4
}

// availableMemory is MemAvailable of proc_meminfo(5) in bytes, or 0.
func availableMemory() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kib int64
		if n, _ := fmt.Sscanf(lines.Text(), "MemAvailable: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}
