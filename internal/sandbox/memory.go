package sandbox

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/bocaditos/bocaditos/tree"
)

// fitsMemory says whether the unpacked tree may be in a tmpfs. Files are made
// several times faster there, and directories list their entries in the same
// order on every host. It may take an eighth of the machine's memory, and less
// than half of what is free now; a larger root goes to the disk.
func fitsMemory(t *tree.Tree) bool {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return false
	}
	const page = 4096
	var need uint64
	plain := true
	t.Walk(func(_ string, n *tree.Node) error {
		need += (uint64(n.Size()) + 2*page - 1) / page * page
		for name := range n.Xattrs {
			// tmpfs has these since Linux 6.6 only.
			plain = plain && !strings.HasPrefix(name, "user.")
		}
		return nil
	})
	unit := uint64(info.Unit)
	return plain && need < info.Totalram*unit/8 && need < info.Freeram*unit/2
}
