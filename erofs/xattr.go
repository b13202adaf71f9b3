package erofs

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// xattrPrefixes are the name prefixes that the format replaces by a number.
// A name with none of them cannot be stored. Those of ACLs are whole names.
var xattrPrefixes = [...]struct {
	prefix string
	index  uint8
	whole  bool
}{
	{"user.", 1, false},
	{"system.posix_acl_access", 2, true},
	{"system.posix_acl_default", 3, true},
	{"trusted.", 4, false},
	{"security.", 6, false},
}

// encodeXattrs returns extended attributes as they follow an inode: a header
// (zero, as nothing is shared or filtered), then the entries sorted by name.
// Without attributes there is no header either.
func encodeXattrs(attrs map[string]string) ([]byte, error) {
	if len(attrs) == 0 {
		return nil, nil
	}
	b := make([]byte, xattrHeaderSize)
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		index, suffix, err := splitXattr(name)
		if err != nil {
			return nil, err
		}
		value := attrs[name]
		if len(value) > maxXattrValue {
			return nil, fmt.Errorf("extended attribute %s: value of %d bytes, EROFS allows %d", name, len(value), maxXattrValue)
		}
		b = append(b, uint8(len(suffix)), index)
		b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
		b = append(b, suffix...)
		b = append(b, value...)
		b = append(b, make([]byte, -len(b)&(xattrAlign-1))...)
	}
	if len(b) > maxXattrs {
		return nil, fmt.Errorf("extended attributes of %d bytes, EROFS allows %d", len(b), maxXattrs)
	}
	return b, nil
}

func splitXattr(name string) (index uint8, suffix string, err error) {
	if len(name) > maxXattrName || strings.IndexByte(name, 0) >= 0 {
		return 0, "", fmt.Errorf("extended attribute %q: name longer than %d bytes or with a NUL", name, maxXattrName)
	}
	for _, p := range xattrPrefixes {
		suffix, ok := strings.CutPrefix(name, p.prefix)
		if ok && p.whole == (suffix == "") {
			return p.index, suffix, nil
		}
	}
	return 0, "", fmt.Errorf("extended attribute %q: EROFS has no number for its prefix", name)
}
