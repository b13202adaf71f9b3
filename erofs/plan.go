package erofs

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// plan is the layout of an image: every byte's place, decided before the first
// is written.
type plan struct {
	inodes   []*inode // in the order of the tree's walk, the root first
	metadata []*inode // all, by place
	data     []*inode // those that own data blocks, by place
	blocks   int64    // size of the image
	seen     map[*tree.Node]*inode
}

func newPlan(t *tree.Tree) (*plan, error) {
	p := &plan{seen: map[*tree.Node]*inode{}}
	if _, err := p.add("/", t.Root(), nil); err != nil {
		return nil, err
	}
	p.placeMetadata()
	return p, p.placeData()
}

// add makes the inode of n, and of all below it. Another name of a node that
// it has seen is a hard link.
func (p *plan) add(name string, n *tree.Node, parent *inode) (*inode, error) {
	if in := p.seen[n]; in != nil {
		if n.Type == tree.Dir {
			return nil, pathError(name, fmt.Errorf("the directory is also at %s", in.path))
		}
		in.nlink++
		return in, nil
	}
	in := &inode{node: n, path: name, nlink: 1, ino: uint32(len(p.inodes) + 1)}
	if err := in.setFields(); err != nil {
		return nil, pathError(name, err)
	}
	p.seen[n] = in
	p.inodes = append(p.inodes, in)
	if n.Type != tree.Dir {
		return in, nil
	}
	if parent == nil {
		parent = in // the root is its own parent
	}
	in.nlink = 2
	in.entries = []dirent{{".", in}, {"..", parent}}
	for _, base := range n.Children() {
		child, err := p.add(path.Join(name, base), n.Child(base), in)
		if err != nil {
			return nil, err
		}
		if child.node.Type == tree.Dir {
			in.nlink++
		}
		in.entries = append(in.entries, dirent{base, child})
	}
	slices.SortFunc(in.entries, func(a, b dirent) int { return strings.Compare(a.name, b.name) })
	in.size = int64(len(encodeDir(in.entries)))
	return in, nil
}

// placeMetadata decides which data is inline, and where inodes lie.
func (p *plan) placeMetadata() {
	area := newArea()
	for _, in := range p.inodes {
		head, tail := in.headSize(), in.size%blockSize
		in.blocks = in.size / blockSize
		switch {
		case tail == 0:
		case head+tail <= blockSize: // inline data may not cross into another block
			in.inline = true
			head += tail
		default:
			in.blocks++
		}
		in.off = area.place(head)
	}
	p.blocks = area.blocks
	p.metadata = slices.Clone(p.inodes)
	slices.SortFunc(p.metadata, func(a, b *inode) int { return cmp.Compare(a.off, b.off) })
}

// placeData gives out the blocks behind the metadata: directories first, as
// finding a file reads them and not the other files.
func (p *plan) placeData() error {
	type shared struct {
		id     string
		blocks int64
	}
	starts := map[shared]int64{}
	place := func(in *inode) {
		in.start = p.blocks
		p.blocks += in.blocks
		p.data = append(p.data, in)
	}
	for _, in := range p.inodes {
		if in.blocks > 0 && in.node.Type == tree.Dir {
			place(in)
		}
	}
	for _, in := range p.inodes {
		switch {
		case in.blocks == 0:
			in.start = nullBlock
		case in.node.Type == tree.File:
			key := shared{in.node.Content.ID(), in.blocks}
			if start, ok := starts[key]; ok {
				in.start = start
				continue
			}
			place(in)
			starts[key] = in.start
		case in.node.Type == tree.Symlink:
			place(in)
		}
		if p.blocks > math.MaxUint32 {
			return pathError(in.path, errors.New("the image grows beyond EROFS's limit of 16 TiB"))
		}
	}
	return nil
}

func pathError(name string, err error) error {
	return &tree.PathError{Op: "write to EROFS image", Path: name, Err: err}
}
