package recipe

import (
	"fmt"
	"strings"

	"github.com/bocaditos/bocaditos/internal/stricttoml"
)

// defaultStateSize is what [state] asks for when it does not say. It costs
// nothing in a disk image, where it is a hole.
const defaultStateSize = 1 << 30

// smallest is what systemd-repart refuses to go below, with room for a LUKS2
// header that it keeps free for encryption.
func (s State) smallest() Size {
	smallest := map[StateFormat]Size{Ext4: 32 << 20, Btrfs: 256 << 20}[s.Format]
	if s.Encrypt != "" {
		smallest += 32 << 20
	}
	return smallest
}

func (r *Recipe) checkState(doc *stricttoml.Document) {
	s := r.State
	if s.Size == 0 {
		return // no partition, or reported
	}
	if smallest := s.smallest(); s.Size < smallest {
		doc.Report("state.size", fmt.Sprintf("size: %d bytes are too few for this partition", s.Size), fmt.Sprintf(`at least "%dM"`, smallest>>20))
	} else if s.MaxSize > 0 && s.MaxSize < s.Size {
		doc.Report("state.max_size", fmt.Sprintf("max_size: %d bytes are less than size, %d", s.MaxSize, s.Size), "leave it out to use all the space there is")
	}
	for i, a := range r.Kernel.CommandLine {
		if strings.HasPrefix(string(a), "systemd.volatile=") {
			doc.Report(fmt.Sprintf("kernel.command_line[%d]", i), fmt.Sprintf("%s would decide about /var, and so does [state]", a), "remove one of them")
		}
	}
}
