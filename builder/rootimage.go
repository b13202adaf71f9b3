package builder

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/bocaditos/bocaditos/disk"
	"github.com/bocaditos/bocaditos/erofs"
	"github.com/bocaditos/bocaditos/verity"
)

// derive makes an identifier of n bytes out of what it identifies, so that
// equal images have equal identifiers and others do not.
func derive(n int, what ...string) []byte {
	sum := sha256.Sum256([]byte("bocaditos\x00" + strings.Join(what, "\x00")))
	return sum[:n]
}

// deriveUUID makes a version 8 UUID (RFC 9562: the bits are the maker's).
func deriveUUID(what ...string) (u [16]byte) {
	copy(u[:], derive(16, what...))
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return u
}

// A rootImage is the finished root: two files and how to open them.
type rootImage struct {
	file, hashFile string // in the output directory
	size, hashSize int64
	params         verity.Params
	superblock     []byte // of the hash tree, for the initrd to compare
	dataUUID       disk.GUID
	hashUUID       disk.GUID
}

// writeRoot packs the root and its hash tree. The files carry the UUIDs of the
// partitions they are for in their names, where systemd-sysupdate wants them.
func (b *build) writeRoot(ctx context.Context, out *outputDir, root *assembled, epoch int64) (*rootImage, error) {
	ri := new(rootImage)
	err := b.stage(ctx, "root", func() (string, bool, error) {
		digest := root.tree.Digest()
		data, err := os.Create(out.path("root"))
		if err != nil {
			return "", false, err
		}
		defer data.Close()
		w := &progressWriter{w: data, ctx: ctx, total: root.bytes, report: b.Report, stage: "root"}
		ri.size, err = erofs.Write(w, root.tree, erofs.Options{Epoch: epoch, UUID: deriveUUID("erofs", digest), Label: "root"})
		if err != nil {
			return "", false, fmt.Errorf("write the root filesystem: %w", err)
		}
		hash, err := os.Create(out.path("verity"))
		if err != nil {
			return "", false, err
		}
		defer hash.Close()
		ri.params, err = verity.Format(data, ri.size, hash, verity.Options{Salt: derive(32, "verity salt", digest), UUID: deriveUUID("verity", digest)})
		if err != nil {
			return "", false, fmt.Errorf("hash the root filesystem: %w", err)
		}
		ri.superblock = make([]byte, 512)
		if _, err := hash.ReadAt(ri.superblock, 0); err != nil {
			return "", false, err
		}
		ri.hashSize = ri.params.HashSize()
		ri.dataUUID, ri.hashUUID = disk.RootPartitions(ri.params.RootHash)
		ri.file, ri.hashFile = b.fileName("_"+ri.dataUUID.String()+".root.raw"), b.fileName("_"+ri.hashUUID.String()+".root-verity.raw")
		if err := os.Rename(data.Name(), out.path(ri.file)); err != nil {
			return "", false, err
		}
		return fmt.Sprintf("EROFS %s, verity %s, root hash %s…", FormatBytes(ri.size), FormatBytes(ri.hashSize), ri.params.RootHash.String()[:12]),
			false, os.Rename(hash.Name(), out.path(ri.hashFile))
	})
	if err != nil {
		return nil, fail(Output, err, "")
	}
	if limit := int64(b.recipe.Budget.Root); limit > 0 && ri.size > limit {
		return nil, overBudget("root", ri.size, limit, packageSizes(root.tree))
	}
	return ri, nil
}

// A progressWriter reports what goes through it, and stops when ctx ends.
type progressWriter struct {
	ctx         context.Context
	w           io.Writer
	done, total int64
	stage       string
	report      Reporter
}

func (p *progressWriter) Write(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := p.w.Write(b)
	const step = 8 << 20
	if (p.done+int64(n))/step != p.done/step {
		p.report(Event{Type: Progress, Stage: p.stage, Done: p.done + int64(n), Total: max(p.total, p.done+int64(n)), Unit: "bytes"})
	}
	p.done += int64(n)
	return n, err
}
