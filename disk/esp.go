package disk

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// ESPFile is a file of the EFI system partition. Its directories are made.
type ESPFile struct {
	Path string // "EFI/BOOT/BOOTX64.EFI"
	Size int64  // bytes that Open gives
	Open func() (io.ReadCloser, error)
}

// ESPOptions shape the filesystem.
type ESPOptions struct {
	VolumeID uint32
	Label    string    // at most 11 of A-Z, 0-9, space and some punctuation; "" for none
	MinSize  int64     // bytes; the filesystem is at least that long
	Headroom int64     // bytes that stay free for files added later
	Epoch    time.Time // the time of all files, in UTC; FAT begins with 1980
}

// ESP is an EFI system partition: a FAT32 filesystem, planned but not written
// yet. Each file is one extent. FAT32 because the UEFI specification asks for
// it on fixed disks; it needs at least 65525 clusters, so the smallest one is
// 33 MiB.
//
// This is our own writer: go-diskfs needs its result corrected (parent
// entries, empty files, volume ID), a real file with random access and one
// large write per file; ours streams, and plans before it writes.
type ESP struct {
	opts     ESPOptions
	root     *fatNode
	nodes    []*fatNode // directories and files in the order of their clusters; root first
	geometry geometry
}

// NewESP checks the files and lays them out. The order of files does not
// matter.
func NewESP(files []ESPFile, o ESPOptions) (*ESP, error) {
	e := &ESP{opts: o, root: &fatNode{}}
	if err := checkVolumeLabel(o.Label); err != nil {
		return nil, fmt.Errorf("ESP: %w", err)
	}
	if min(o.MinSize, o.Headroom) < 0 || max(o.MinSize, o.Headroom) > maxDisk {
		return nil, fmt.Errorf("ESP: minimum size of %d or headroom of %d bytes is not possible", o.MinSize, o.Headroom)
	}
	for i := range files {
		if err := e.add(&files[i]); err != nil {
			return nil, fmt.Errorf("ESP: file %q: %w", files[i].Path, err)
		}
	}
	if err := e.layOut(); err != nil {
		return nil, fmt.Errorf("ESP: %w", err)
	}
	return e, nil
}

// Size is the length of the filesystem in bytes, a multiple of 1 MiB.
func (e *ESP) Size() int64 { return e.geometry.sectors * sectorSize }

// add puts a file and its directories into the directory tree.
func (e *ESP) add(f *ESPFile) error {
	switch {
	case f.Size < 0 || f.Size > math.MaxUint32:
		return fmt.Errorf("size of %d bytes is not one of a FAT file (0 to 4 GiB - 1)", f.Size)
	case f.Open == nil:
		return errors.New("no content")
	}
	names := strings.Split(f.Path, "/")
	dir := e.root
	for i, name := range names {
		if err := checkFATName(name); err != nil {
			return err
		}
		last := i == len(names)-1
		child := dir.child(name)
		switch {
		case child == nil:
			child = &fatNode{name: name, parent: dir}
			dir.children = append(dir.children, child)
			if last {
				child.file = f
			}
		case child.name != name:
			return fmt.Errorf("%s and %s are the same name on FAT", name, child.name)
		case last || child.file != nil:
			return fmt.Errorf("%s is there already", strings.Join(names[:i+1], "/"))
		}
		dir = child
	}
	return nil
}

// layOut names, sizes and places everything: whichever cluster size makes the
// smallest filesystem, the larger one where that is equal.
func (e *ESP) layOut() error {
	if err := e.collect(e.root); err != nil {
		return err
	}
	for sectorsPerCluster := int64(8); sectorsPerCluster > 0; sectorsPerCluster /= 2 {
		used := e.clusters(sectorsPerCluster)
		free := (e.opts.Headroom + sectorsPerCluster*sectorSize - 1) / (sectorsPerCluster * sectorSize)
		g := newGeometry(sectorsPerCluster, used+free, e.opts.MinSize)
		if e.geometry.sectors == 0 || g.sectors < e.geometry.sectors {
			e.geometry = g
		}
	}
	if e.geometry.sectors > math.MaxUint32 || e.geometry.clusters > maxClusters {
		return fmt.Errorf("%d bytes are more than FAT32 can have", e.Size())
	}
	next := uint32(rootCluster)
	for _, n := range e.nodes {
		n.clusters = uint32(n.clusterCount(e.geometry.clusterSize()))
		if n.clusters > 0 { // an empty file owns none
			n.first = next
		}
		next += n.clusters
	}
	return nil
}

// collect lists dir and what is below, and gives the short names.
func (e *ESP) collect(dir *fatNode) error {
	e.nodes = append(e.nodes, dir)
	dir.sortChildren()
	if err := assignShortNames(dir.children); err != nil {
		return err
	}
	if dir.entryCount() > maxDirEntries {
		return fmt.Errorf("directory %q has too many names for FAT", dir.name)
	}
	for _, child := range dir.children {
		if child.file != nil {
			e.nodes = append(e.nodes, child)
		} else if err := e.collect(child); err != nil {
			return err
		}
	}
	return nil
}

// clusters counts what the nodes need with that cluster size.
func (e *ESP) clusters(sectorsPerCluster int64) int64 {
	var n int64
	for _, node := range e.nodes {
		n += node.clusterCount(sectorsPerCluster * sectorSize)
	}
	return n
}
