package nix

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// A NAR is one file, link or directory with all below it, as a stream: strings
// with their length in front, padded with zeros to eight bytes. It has no
// times and owners and of modes only whether a file is executable, so that equal
// files make equal NARs. See "Nix Archive (NAR) format" in Nix' manual.

const narMagic = "nix-archive-1"

// Limits of what walkNAR takes; no package comes near them.
const (
	maxNARDepth   = 256
	maxNARName    = 255  // NAME_MAX
	maxNARTarget  = 4095 // PATH_MAX without its NUL
	maxNAREntries = 8 << 20
	maxNARToken   = 16 // the longest is the magic
)

// narEntry is a file, link or directory of a NAR.
type narEntry struct {
	path       string // below the top, which is ""
	kind       tree.Type
	executable bool
	target     string // of a link
	offset     int64  // of a file's content in the NAR
	size       int64
}

// narError is a NAR that is not one. Nix would refuse it, too.
type narError struct {
	offset int64
	err    error
}

func (e *narError) Error() string { return fmt.Sprintf("NAR, at byte %d: %v", e.offset, e.err) }
func (e *narError) Unwrap() error { return e.err }

// walkNAR calls f for each entry, directories before what is in them, and
// checks all that Nix checks: the bytes are the only NAR of these entries.
// Files' content is skipped.
func walkNAR(nar io.ReaderAt, size int64, f func(narEntry) error) error {
	section := io.NewSectionReader(nar, 0, size)
	p := &narParser{section: section, r: bufio.NewReader(section), size: size, visit: f}
	err := p.expect(narMagic)
	if err == nil {
		err = p.node("", 0)
	}
	if err == nil && p.offset != size {
		err = fmt.Errorf("%d bytes after its end", size-p.offset)
	}
	if err == nil || p.failed {
		return err // f's own
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends in the middle")
	}
	return &narError{p.offset, err}
}

type narParser struct {
	section *io.SectionReader
	r       *bufio.Reader // of the section
	size    int64
	offset  int64
	entries int
	visit   func(narEntry) error
	failed  bool // it was visit that failed
}

func (p *narParser) node(path string, depth int) error {
	if depth > maxNARDepth {
		return fmt.Errorf("more than %d directories deep", maxNARDepth)
	}
	if p.entries++; p.entries > maxNAREntries {
		return fmt.Errorf("more than %d entries", maxNAREntries)
	}
	if err := p.expect("(", "type"); err != nil {
		return err
	}
	kind, err := p.token()
	if err != nil {
		return err
	}
	switch kind {
	case "regular":
		return p.file(path)
	case "symlink":
		return p.symlink(path)
	case "directory":
		return p.directory(path, depth)
	}
	return fmt.Errorf("unknown type %q", kind)
}

func (p *narParser) file(path string) error {
	e := narEntry{path: path, kind: tree.File}
	word, err := p.token()
	if err == nil && word == "executable" {
		e.executable = true
		if err = p.expect(""); err == nil {
			word, err = p.token()
		}
	}
	switch {
	case err != nil:
		return err
	case word == ")": // Nix takes it for an empty file, and never writes it
		return errors.New("a file without content")
	case word != "contents":
		return fmt.Errorf("%q in a file", word)
	}
	if e.size, err = p.length(); err != nil {
		return err
	}
	e.offset = p.offset
	if err := p.emit(e); err != nil {
		return err
	}
	if err := p.skip(e.size); err != nil {
		return err
	}
	return p.expect(")")
}

func (p *narParser) symlink(path string) error {
	if err := p.expect("target"); err != nil {
		return err
	}
	target, err := p.text(maxNARTarget)
	switch {
	case err != nil:
		return err
	case target == "" || strings.IndexByte(target, 0) >= 0:
		return fmt.Errorf("a link to %q", target)
	}
	if err := p.emit(narEntry{path: path, kind: tree.Symlink, target: target}); err != nil {
		return err
	}
	return p.expect(")")
}

func (p *narParser) directory(path string, depth int) error {
	if err := p.emit(narEntry{path: path, kind: tree.Dir}); err != nil {
		return err
	}
	last := ""
	for {
		switch word, err := p.token(); {
		case err != nil:
			return err
		case word == ")":
			return nil
		case word != "entry":
			return fmt.Errorf("%q in a directory", word)
		}
		if err := p.expect("(", "name"); err != nil {
			return err
		}
		name, err := p.text(maxNARName)
		switch {
		case err != nil:
			return err
		case name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00"):
			return fmt.Errorf("the name %q is not allowed", name)
		case name == last:
			return fmt.Errorf("the name %q is there twice", name)
		case name < last:
			return fmt.Errorf("the name %q comes after %q: not sorted", name, last)
		}
		last = name
		if err := p.expect("node"); err != nil {
			return err
		}
		below := name
		if path != "" {
			below = path + "/" + name
		}
		if err := p.node(below, depth+1); err != nil {
			return err
		}
		if err := p.expect(")"); err != nil {
			return err
		}
	}
}

func (p *narParser) emit(e narEntry) error {
	err := p.visit(e)
	p.failed = err != nil
	return err
}

func (p *narParser) expect(words ...string) error {
	for _, want := range words {
		got, err := p.token()
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%q instead of %q", got, want)
		}
	}
	return nil
}

func (p *narParser) token() (string, error) { return p.text(maxNARToken) }

// text reads a string with its padding.
func (p *narParser) text(limit int64) (string, error) {
	n, err := p.length()
	if err != nil {
		return "", err
	}
	if n > limit {
		return "", fmt.Errorf("a string of %d bytes where at most %d are allowed", n, limit)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(p.r, b); err != nil {
		return "", err
	}
	p.offset += n
	return string(b), p.padding(n)
}

func (p *narParser) length() (int64, error) {
	var b [8]byte
	if _, err := io.ReadFull(p.r, b[:]); err != nil {
		return 0, err
	}
	n := binary.LittleEndian.Uint64(b[:])
	p.offset += 8
	if n > uint64(p.size-p.offset) {
		return 0, fmt.Errorf("a length of %d with %d bytes left", n, p.size-p.offset)
	}
	return int64(n), nil
}

func (p *narParser) padding(n int64) error {
	var b [8]byte
	pad := b[:-n&7]
	if _, err := io.ReadFull(p.r, pad); err != nil {
		return err
	}
	p.offset += int64(len(pad))
	if b != [8]byte{} {
		return errors.New("padding that is not zero")
	}
	return nil
}

func (p *narParser) skip(n int64) error {
	if n <= int64(p.r.Buffered()) {
		p.r.Discard(int(n))
	} else {
		if _, err := p.section.Seek(p.offset+n, io.SeekStart); err != nil {
			return err
		}
		p.r.Reset(p.section)
	}
	p.offset += n
	return p.padding(n)
}

// writeNAR writes the NAR of a file, link or directory on the host, as Nix does.
func writeNAR(w io.Writer, file string) error {
	n := &narWriter{w: bufio.NewWriterSize(w, 64<<10), buf: make([]byte, 256<<10)}
	n.text(narMagic)
	if err := n.node(file); err != nil {
		return err
	}
	return n.w.Flush()
}

// narWriter leaves errors of writing to Flush, which reports the first.
type narWriter struct {
	w   *bufio.Writer
	buf []byte // for files' content
}

func (n *narWriter) text(words ...string) {
	for _, s := range words {
		n.length(int64(len(s)))
		n.w.WriteString(s)
		n.pad(int64(len(s)))
	}
}

func (n *narWriter) length(size int64) {
	n.w.Write(binary.LittleEndian.AppendUint64(nil, uint64(size)))
}

func (n *narWriter) pad(size int64) { n.w.Write(make([]byte, -size&7)) }

func (n *narWriter) node(file string) error {
	info, err := os.Lstat(file)
	if err != nil {
		return err
	}
	n.text("(", "type")
	switch mode := info.Mode(); {
	case mode.IsRegular():
		n.text("regular")
		if mode&0o100 != 0 {
			n.text("executable", "")
		}
		n.text("contents")
		if err := n.content(file, info.Size()); err != nil {
			return err
		}
	case mode.IsDir():
		n.text("directory")
		if err := n.entries(file); err != nil {
			return err
		}
	case mode&os.ModeSymlink != 0:
		target, err := os.Readlink(file)
		if err != nil {
			return err
		}
		n.text("symlink", "target", target)
	default:
		return &os.PathError{Op: "archive", Path: file, Err: fmt.Errorf("a store has no %s", mode.Type())}
	}
	n.text(")")
	return nil
}

func (n *narWriter) entries(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	names, err := f.Readdirnames(-1)
	f.Close()
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		n.text("entry", "(", "name", name, "node")
		if err := n.node(filepath.Join(dir, name)); err != nil {
			return err
		}
		n.text(")")
	}
	return nil
}

func (n *narWriter) content(file string, size int64) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	n.length(size)
	// Not bufio's ReadFrom: its buffer is smaller than ours.
	copied, err := io.CopyBuffer(struct{ io.Writer }{n.w}, struct{ io.Reader }{io.LimitReader(f, size)}, n.buf)
	if err == nil && copied != size {
		err = &os.PathError{Op: "archive", Path: file, Err: errors.New("it changed while it was read")}
	}
	n.pad(size)
	return err
}
