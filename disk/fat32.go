package disk

import (
	"slices"
	"strings"
)

// Numbers of Microsoft's FAT32 File System Specification (2000), unless the
// comment says otherwise.
const (
	reservedSectors = 32 // before the first FAT
	infoSector      = 1
	backupSector    = 6          // where the copy of the first three sectors starts
	rootCluster     = 2          // the first cluster there is
	minClusters     = 65525 + 16 // fewer is FAT16; the margin is for drivers that count wrongly
	maxClusters     = 0x0ffffff5 - rootCluster
	maxDirEntries   = 65535
	direntSize      = 32
	endOfChain      = 0x0fffffff
	mediaFixed      = 0xf8

	attrVolumeID  = 0x08
	attrDirectory = 0x10
	attrArchive   = 0x20
	attrLongName  = 0x0f
)

// geometry is the shape of the filesystem.
type geometry struct {
	sectorsPerCluster int64
	fatSectors        int64 // of one of the two FATs
	clusters          int64
	sectors           int64 // in all
}

func (g geometry) clusterSize() int64 { return g.sectorsPerCluster * sectorSize }

// newGeometry returns the smallest filesystem with that many clusters and
// bytes. The clusters start at a multiple of 4096 bytes, so that file systems
// which can share extents do.
func newGeometry(sectorsPerCluster, clusters, minSize int64) geometry {
	clusters = max(clusters, minClusters)
	size := roundUp(max(minSize, clusters*sectorsPerCluster*sectorSize), alignment)
	for ; ; size += alignment {
		sectors := size / sectorSize
		rest := sectors - reservedSectors
		// Made for the clusters that there would be without FATs: a little
		// too long, which is allowed.
		entries := rest/sectorsPerCluster + rootCluster
		fat := roundUp(entries*4, 4*sectorSize) / sectorSize
		if have := (rest - 2*fat) / sectorsPerCluster; have >= clusters {
			return geometry{sectorsPerCluster, fat, have, sectors}
		}
	}
}

// fatNode is a directory or a file.
type fatNode struct {
	name     string
	short    [11]byte
	long     bool // the short name does not say it all
	file     *ESPFile
	parent   *fatNode
	children []*fatNode
	first    uint32 // cluster, 0 for an empty file
	clusters uint32
}

// child finds a name the way FAT does, without regard to case.
func (n *fatNode) child(name string) *fatNode {
	for _, c := range n.children {
		if foldName(c.name) == foldName(name) {
			return c
		}
	}
	return nil
}

func (n *fatNode) sortChildren() {
	slices.SortFunc(n.children, func(a, b *fatNode) int { return strings.Compare(a.name, b.name) })
}

// entryCount is the number of directory entries of a directory, not less than
// what it will have: "." and "..", or the volume label.
func (n *fatNode) entryCount() int {
	count := 2
	for _, c := range n.children {
		count++
		if c.long {
			count += longEntries(c.name)
		}
	}
	return count
}

func (n *fatNode) clusterCount(clusterSize int64) int64 {
	size := int64(n.entryCount()) * direntSize
	if n.file != nil {
		size = n.file.Size
	}
	return (size + clusterSize - 1) / clusterSize
}
