package debian

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"

	"github.com/bocaditos/bocaditos/pkgs"
)

// Limits against archives that are small until they are unpacked. Debian's
// largest package holds about 4 GiB; no control archive comes near its limit.
const (
	maxData    = 8 << 30
	maxControl = 16 << 20
	maxWindow  = 128 << 20 // of the decompressors
)

// deb is a package file as deb(5) describes it.
type deb struct {
	control, data member
}

func readDeb(r io.ReaderAt, size int64) (*deb, error) {
	members, err := readAr(r, size)
	if err != nil {
		return nil, err
	}
	if len(members) == 0 || members[0].name != "debian-binary" || members[0].data.Size() > 64 {
		return nil, errors.New("not a Debian package: it does not begin with debian-binary")
	}
	version, err := io.ReadAll(members[0].data)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(string(version), "2.") || !strings.Contains(string(version), "\n") {
		return nil, fmt.Errorf("package format %q: only 2.0 is known", version)
	}
	// Names that begin with "_" are for extensions, and to be ignored.
	rest := slices.DeleteFunc(members[1:], func(m member) bool { return strings.HasPrefix(m.name, "_") })
	if len(rest) != 2 || !isTar(rest[0].name, "control.tar") || !isTar(rest[1].name, "data.tar") {
		var have []string
		for _, m := range members {
			have = append(have, m.name)
		}
		return nil, fmt.Errorf("not a Debian package: it has %s, not debian-binary, control.tar and data.tar", strings.Join(have, ", "))
	}
	return &deb{control: rest[0], data: rest[1]}, nil
}

func isTar(name, base string) bool { return name == base || strings.HasPrefix(name, base+".") }

// decompress chooses by the member's name. The reader fails when there is
// more than limit.
func decompress(m member, limit int64) (io.Reader, func(), error) {
	var r io.Reader
	var err error
	done := func() {}
	switch suffix := path.Ext(m.name); suffix {
	case ".tar":
		r = m.data
	case ".xz":
		r, err = xz.NewReader(m.data, maxWindow)
	case ".gz":
		r, err = gzip.NewReader(m.data)
	case ".zst":
		var z *zstd.Decoder
		// One goroutine: packages are opened in parallel already.
		z, err = zstd.NewReader(m.data, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			r, done = z, z.Close
		}
	default:
		err = fmt.Errorf("compression %q is not supported", suffix)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("decompress %s: %w", m.name, err)
	}
	return &limited{r, limit, m.name}, done, nil
}

type limited struct {
	r    io.Reader
	left int64
	name string
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, fmt.Errorf("decompress %s: it is too large", l.name)
	}
	if err != nil && err != io.EOF {
		err = fmt.Errorf("decompress %s: %w", l.name, err)
	}
	return n, err
}

// control is what a package says of itself, as kept in the cache.
type control struct {
	Format   int               `json:"format"` // of this JSON: unpacked anew when it is another
	Name     string            `json:"name"`
	Version  string            `json:"version"`
	Arch     string            `json:"architecture"`
	Depends  string            `json:"depends,omitempty"` // Pre-Depends and Depends, as written
	Provides string            `json:"provides,omitempty"`
	Replaces string            `json:"replaces,omitempty"`
	Scripts  map[string][]byte `json:"scripts,omitempty"` // by name; bytes, because a script may be a program
}

const controlFormat = 2

// Files of the control archive that would make dpkg run something.
var scriptNames = []string{"config", "postinst", "postrm", "preinst", "prerm", "triggers"}

func (c *control) scripts() (list []pkgs.Script) {
	for _, name := range slices.Sorted(maps.Keys(c.Scripts)) {
		list = append(list, pkgs.Script{Name: name, Text: string(c.Scripts[name])})
	}
	return list
}

func readControl(m member) (*control, error) {
	r, done, err := decompress(m, maxControl)
	if err != nil {
		return nil, err
	}
	defer done()
	c := &control{Format: controlFormat, Scripts: map[string][]byte{}}
	var text *bytes.Buffer
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", m.name, err)
		}
		name := strings.TrimPrefix(h.Name, "./")
		switch {
		case h.Typeflag == tar.TypeDir:
		case slices.Contains(scriptNames, name): // a link, too: it is empty, but must not go unnoticed
			if c.Scripts[name], err = io.ReadAll(archive); err != nil {
				return nil, fmt.Errorf("read %s: %w", m.name, err)
			}
		case h.Typeflag != tar.TypeReg:
		case name == "control" && text != nil:
			return nil, errors.New("two control files")
		case name == "control":
			text = new(bytes.Buffer)
			if _, err := io.Copy(text, archive); err != nil {
				return nil, fmt.Errorf("read %s: %w", m.name, err)
			}
		}
	}
	if text == nil {
		return nil, errors.New("no control file")
	}
	fields, err := parseFields(text.String())
	if err != nil {
		return nil, fmt.Errorf("read control file: %w", err)
	}
	c.Name, c.Version, c.Arch = fields["package"], fields["version"], fields["architecture"]
	c.Depends = strings.Trim(fields["pre-depends"]+", "+fields["depends"], ", ")
	c.Provides, c.Replaces = fields["provides"], fields["replaces"]
	return c, nil
}
