package kernel

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"

	"github.com/bocaditos/bocaditos/tree"
)

// A Module is one file to load.
type Module struct {
	Name     string   // as lsmod prints it, with underscores
	Path     string   // in the tree
	Required bool     // asked for as required, or needed by one that is
	Needs    []string // names of modules that must have been loaded before
	content  tree.Content
}

// Data returns the module as finit_module(2) takes it: decompressed (.ko.xz,
// .ko.zst and .ko.gz), with its signature.
func (m Module) Data() ([]byte, error) {
	b, err := m.read()
	if err != nil {
		return nil, fmt.Errorf("read module %s: %w", m.Path, err)
	}
	return b, nil
}

func (m Module) read() ([]byte, error) {
	r, err := m.content.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var plain io.Reader = r
	switch path.Ext(m.Path) {
	case ".ko":
	case ".xz":
		plain, err = xz.NewReader(r, 0)
	case ".gz":
		plain, err = gzip.NewReader(r)
	case ".zst":
		var d *zstd.Decoder
		if d, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1)); err == nil {
			defer d.Close()
		}
		plain = d
	default:
		err = errors.New("unknown kind of module file")
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(plain)
}

// Modules returns the module files to load for the named modules, in an order
// that can be loaded one after the other: what a module depends on, and its
// "pre" soft dependencies, come before it, each file once. Built-in modules
// are left out. Names may be aliases without wildcards ("crypto-sha256"), and
// dashes and underscores are the same.
//
// A required name that the kernel has neither as a module nor built in is an
// error; an optional one is skipped, as is a missing soft dependency. The
// tree must have been through depmod(8).
func Modules(t *tree.Tree, version string, required, optional []string) ([]Module, error) {
	ix, err := readIndex(t, version)
	if err != nil {
		return nil, err
	}
	o := order{ix: ix, seen: map[string]bool{}, needed: map[string]bool{}}
	var names []string
	for _, want := range required {
		found := ix.lookup(want)
		if len(found) == 0 && !ix.builtin[normal(want)] {
			return nil, fmt.Errorf("kernel %s has no module %s, neither as a file nor built in", version, want)
		}
		for _, name := range found {
			o.needed[name] = true
			for _, dep := range ix.deps[name] { // modules.dep is transitive
				o.needed[dep] = true
			}
		}
		names = append(names, found...)
	}
	for _, want := range optional {
		names = append(names, ix.lookup(want)...)
	}
	for _, name := range names {
		o.visit(name)
	}
	for i, m := range o.modules {
		_, n, err := t.Resolve(m.Path)
		if err == nil && n.Type != tree.File {
			err = fmt.Errorf("is a %s, not a file", n.Type)
		}
		if err != nil {
			return nil, fmt.Errorf("module %s of kernel %s: %w", m.Name, version, err)
		}
		o.modules[i].content = n.Content
	}
	return o.modules, nil
}

// order is the depth-first walk that puts modules in load order.
type order struct {
	ix      *index
	seen    map[string]bool
	needed  map[string]bool
	modules []Module
}

func (o *order) visit(name string) {
	if o.seen[name] {
		return
	}
	o.seen[name] = true
	for _, soft := range o.ix.pre[name] {
		for _, m := range o.ix.lookup(soft) {
			if !slices.Contains(o.ix.deps[m], name) { // else it could not be loaded before
				o.visit(m)
			}
		}
	}
	deps := o.ix.deps[name]
	for i := len(deps) - 1; i >= 0; i-- { // modules.dep has the innermost last
		o.visit(deps[i])
	}
	o.modules = append(o.modules, Module{Name: name, Path: path.Join(o.ix.dir, o.ix.files[name]), Required: o.needed[name], Needs: deps})
	for _, soft := range o.ix.post[name] {
		for _, m := range o.ix.lookup(soft) {
			o.visit(m)
		}
	}
}
