package debian

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// member is a file in an ar(1) archive.
type member struct {
	name string
	data *io.SectionReader
}

const arMagic = "!<arch>\n"

// readAr lists the members of an ar archive of the plain form that deb(5)
// prescribes. Any byte that is not accounted for is an error: what two readers
// may understand differently must not be in a package.
func readAr(r io.ReaderAt, size int64) ([]member, error) {
	head := make([]byte, len(arMagic))
	if _, err := r.ReadAt(head, 0); err != nil || string(head) != arMagic {
		return nil, errors.New("not an ar archive")
	}
	var members []member
	for at := int64(len(arMagic)); at < size; {
		var h [60]byte
		if _, err := r.ReadAt(h[:], at); err != nil {
			return nil, fmt.Errorf("ar header at byte %d is cut off", at)
		}
		if h[58] != '`' || h[59] != '\n' {
			return nil, fmt.Errorf("no ar header at byte %d", at)
		}
		at += int64(len(h))
		name := strings.TrimSuffix(strings.TrimRight(string(h[:16]), " "), "/")
		if name == "" || strings.ContainsAny(name, "/ \x00") {
			return nil, fmt.Errorf("ar member name %q", name)
		}
		length, err := strconv.ParseUint(strings.TrimRight(string(h[48:58]), " "), 10, 63)
		if err != nil || int64(length) > size-at {
			return nil, fmt.Errorf("ar member %s: size %q does not fit", name, strings.TrimSpace(string(h[48:58])))
		}
		members = append(members, member{name, io.NewSectionReader(r, at, int64(length))})
		if len(members) > 16 {
			return nil, errors.New("ar archive with more than 16 members")
		}
		at += int64(length)
		if length%2 == 1 {
			if at == size {
				return nil, fmt.Errorf("ar member %s: padding is cut off", name)
			}
			at++
		}
	}
	return members, nil
}
