package nix

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/bocaditos/bocaditos/pkgs"
	"github.com/bocaditos/bocaditos/tree"
)

// Open reads a store path where it lies: in a store of this machine, else as
// a NAR in the cache. Nothing is copied; the tree is the same from either.
func (s *Source) Open(ctx context.Context, p pkgs.Locked) (*pkgs.Package, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !validStorePath(p.Path) {
		return nil, fmt.Errorf("open %s: %q is not a store path", p.Name, p.Path)
	}
	t, dir, err := s.open(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", p.Name, err)
	}
	return &pkgs.Package{
		Name:    p.Name,
		Version: p.Version,
		Arch:    p.Arch,
		Prefix:  p.Path,
		InPlace: dir,
		Depends: slices.Clone(p.References),
		Tree:    t,
	}, nil
}

func (s *Source) open(ctx context.Context, p pkgs.Locked) (t *tree.Tree, dir string, err error) {
	b := treeBuilder{tree: tree.New(), locked: p, origin: tree.Origin{Package: p.Name}}
	// What would have to be hashed first comes last.
	dir = s.rememberedIn(p)
	if dir == "" && !s.cached(p) {
		if dir, err = s.inStore(ctx, p); err != nil {
			return nil, "", err
		}
	}
	if dir != "" {
		return b.tree, dir, b.addHost(dir, "")
	}
	nar, err := os.Open(s.nar(p))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", &pkgs.Error{Err: fmt.Errorf("%s is in no store of this machine, and its NAR not in the cache", p.Path),
			Tip: "it was not fetched, or collected as garbage since: build again"}
	}
	if err != nil {
		return nil, "", err
	}
	defer nar.Close()
	return b.tree, "", walkNAR(nar, p.Size, func(e narEntry) error {
		return b.add(e, nar.Name())
	})
}

// nar is the file in the cache with the path's NAR. It gets this name only
// when its hash was right.
func (s *Source) nar(p pkgs.Locked) string {
	return filepath.Join(s.cfg.CacheDir, "nix", "nar", p.SHA256)
}

// treeBuilder makes a store path's tree, as Nix promises a store path to be:
// owned by root, not writable.
type treeBuilder struct {
	tree   *tree.Tree
	locked pkgs.Locked
	origin tree.Origin
}

// add puts the entry into the tree; a file's content is in the host's file.
func (b *treeBuilder) add(e narEntry, file string) error {
	var n *tree.Node
	switch e.kind {
	case tree.Dir:
		n = tree.NewDir(0o555, b.origin)
	case tree.Symlink:
		n = tree.NewSymlink(e.target, b.origin)
	default:
		mode := uint32(0o444)
		if e.executable {
			mode = 0o555
		}
		// The name is by what a NAR is pinned by, wherever it is read from.
		id := fmt.Sprintf("nar:%s:%s", b.locked.SHA256, e.path)
		n = tree.NewFile(mode, tree.Slice(file, e.offset, e.size, id), b.origin)
	}
	return b.tree.Put(path.Join(b.locked.Path, e.path), n)
}

// addHost adds a file, link or directory of a store, which is at rel in the package.
func (b *treeBuilder) addHost(file, rel string) error {
	info, err := os.Lstat(file)
	if err != nil {
		return err
	}
	e := narEntry{path: rel}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		e.kind, e.size, e.executable = tree.File, info.Size(), mode&0o100 != 0
	case mode&fs.ModeSymlink != 0:
		e.kind = tree.Symlink
		if e.target, err = os.Readlink(file); err != nil {
			return err
		}
	case mode.IsDir():
		e.kind = tree.Dir
	default:
		return &fs.PathError{Op: "read", Path: file, Err: fmt.Errorf("a store has no %s", mode.Type())}
	}
	if err := b.add(e, file); err != nil || e.kind != tree.Dir {
		return err
	}
	entries, err := os.ReadDir(file)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := b.addHost(filepath.Join(file, entry.Name()), path.Join(rel, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
