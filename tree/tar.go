package tree

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"sort"
	"strings"
)

// ReadTar builds a tree from an uncompressed tar file on the host. Content
// stays in the file and is read when needed. id names the archive's bytes (its
// digest); with an empty one each content is named by its own digest, which
// reads all of them once: for archives whose bytes differ from run to run though
// the files that matter do not. origin goes to every node.
//
// An archive is refused that has a path with "..", a name no filesystem
// allows, two entries for one path, an entry below something that is not a
// directory, or a hard link to nothing.
func ReadTar(file, id string, origin Origin) (*Tree, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t := New()
	t.root.History = []Origin{origin}
	tr := tar.NewReader(f)
	seen := map[string]bool{}
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return t, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read tar %s: %w", file, err)
		}
		p, err := Clean(h.Name)
		if err != nil {
			return nil, err
		}
		if seen[p] {
			return nil, &PathError{"unpack", p, fmt.Errorf("second entry for one path: %w", ErrExist)}
		}
		seen[p] = true
		if h.Typeflag == tar.TypeLink {
			target, err := Clean(h.Linkname)
			if err != nil {
				return nil, err
			}
			n := t.Lookup(target)
			if n == nil || n.Type == Dir {
				return nil, &PathError{"unpack hard link", p, fmt.Errorf("to %s: %w", target, ErrNotExist)}
			}
			if err := t.putExact(p, n); err != nil {
				return nil, err
			}
			continue
		}
		n, err := nodeFromHeader(h)
		if err != nil {
			return nil, &PathError{"unpack", p, err}
		}
		n.History = []Origin{origin}
		if n.Type == File {
			// archive/tar reads header blocks only, so this is where the data starts.
			off, err := f.Seek(0, io.SeekCurrent)
			if err != nil {
				return nil, err
			}
			name := fmt.Sprintf("%s@%d+%d", id, off, h.Size)
			if id == "" {
				sum := sha256.New()
				if _, err := io.Copy(sum, tr); err != nil {
					return nil, &PathError{"unpack", p, err}
				}
				name = "sha256:" + hex.EncodeToString(sum.Sum(nil))
			}
			n.Content = Slice(file, off, h.Size, name)
		}
		if err := t.putExact(p, n); err != nil {
			return nil, err
		}
	}
}

// putExact is Put without following links: an archive may not write through
// a link that it brought along.
func (t *Tree) putExact(p string, n *Node) error {
	for dir := path.Dir(p); dir != "/"; dir = path.Dir(dir) {
		if d := t.Lookup(dir); d != nil && d.Type != Dir {
			return &PathError{"unpack", p, fmt.Errorf("%s: %w", dir, ErrNotDir)}
		}
	}
	return t.Put(p, n)
}

const xattrRecord = "SCHILY.xattr."

func nodeFromHeader(h *tar.Header) (*Node, error) {
	n := &Node{Mode: uint32(h.Mode) & 0o7777, UID: uint32(h.Uid), GID: uint32(h.Gid)}
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, xattrRecord); ok {
			if n.Xattrs == nil {
				n.Xattrs = map[string]string{}
			}
			n.Xattrs[name] = value
		}
		if strings.HasPrefix(key, "GNU.sparse.") {
			return nil, fmt.Errorf("sparse files are not supported")
		}
	}
	switch h.Typeflag {
	case tar.TypeReg:
		n.Type = File
	case tar.TypeDir:
		n.Type = Dir
	case tar.TypeSymlink:
		n.Type, n.Mode, n.Target = Symlink, 0o777, h.Linkname
	case tar.TypeChar, tar.TypeBlock:
		n.Type = CharDevice
		if h.Typeflag == tar.TypeBlock {
			n.Type = BlockDevice
		}
		n.Major, n.Minor = uint32(h.Devmajor), uint32(h.Devminor)
	case tar.TypeFifo:
		n.Type = FIFO
	default:
		return nil, fmt.Errorf("tar entry of type %q is not supported", h.Typeflag)
	}
	return n, nil
}

// TarHeader returns the tar header of n at p (PAX, owners as numbers, no
// times), for writers of tar-based formats. Hard links are up to the caller.
func TarHeader(p string, n *Node) *tar.Header {
	h := &tar.Header{
		Format: tar.FormatPAX,
		Name:   "." + p,
		Mode:   int64(n.Mode),
		Uid:    int(n.UID),
		Gid:    int(n.GID),
	}
	switch n.Type {
	case File:
		h.Typeflag, h.Size = tar.TypeReg, n.Size()
	case Dir:
		h.Typeflag = tar.TypeDir
		if p != "/" {
			h.Name += "/"
		}
	case Symlink:
		h.Typeflag, h.Linkname = tar.TypeSymlink, n.Target
	case CharDevice, BlockDevice:
		h.Typeflag = tar.TypeChar
		if n.Type == BlockDevice {
			h.Typeflag = tar.TypeBlock
		}
		h.Devmajor, h.Devminor = int64(n.Major), int64(n.Minor)
	case FIFO:
		h.Typeflag = tar.TypeFifo
	}
	keys := make([]string, 0, len(n.Xattrs))
	for k := range n.Xattrs {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords[xattrRecord+k] = n.Xattrs[k]
	}
	return h
}

// WriteTar writes the whole tree as an uncompressed tar stream, hard links as
// hard links, in walk order. Sockets cannot be in a tar and are left out.
func (t *Tree) WriteTar(w io.Writer) error {
	tw := tar.NewWriter(w)
	first := map[*Node]string{}
	err := t.Walk(func(p string, n *Node) error {
		if n.Type == Socket {
			return nil
		}
		h := TarHeader(p, n)
		if n.Type != Dir {
			if old, ok := first[n]; ok {
				h.Typeflag, h.Linkname, h.Size, h.PAXRecords = tar.TypeLink, "."+old, 0, nil
				return tw.WriteHeader(h)
			}
			first[n] = p
		}
		if err := tw.WriteHeader(h); err != nil {
			return &PathError{"write", p, err}
		}
		if n.Type != File {
			return nil
		}
		r, err := n.Content.Open()
		if err != nil {
			return &PathError{"read", p, err}
		}
		defer r.Close()
		if _, err := io.Copy(tw, r); err != nil {
			return &PathError{"write", p, err}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return tw.Close()
}
