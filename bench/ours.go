package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ours is Bocaditos under measurement: a private cache and a recipe that may
// be edited.
type ours struct {
	program, dir, cache string
	recipe              []byte
	sums                []byte // SHA256SUMS of the first cold build

	resolve, cold, change, noop samples
	stages                      [][]stage // of the cold builds
}

func newOurs(ctx context.Context, o options) (*ours, error) {
	if _, err := os.Stat(o.program); err != nil {
		return nil, fmt.Errorf("%w (make build makes it)", err)
	}
	recipe, err := os.ReadFile(o.recipe)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.cache, 0o777); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.cache, "work-")
	if err != nil {
		return nil, err
	}
	b := &ours{program: o.program, dir: dir, cache: filepath.Join(o.cache, "cache"), recipe: recipe}
	b.linkBlobs(filepath.Join(filepath.Dir(o.cache), "bocaditos"))
	if err = b.write("first"); err == nil {
		_, _, err = b.build(ctx) // downloads and writes the lock
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *ours) close() { os.RemoveAll(b.dir) }

// linkBlobs takes over what the user's own cache has downloaded. What fails
// is downloaded again.
func (b *ours) linkBlobs(from string) {
	blobs := "blobs/sha256"
	entries, _ := os.ReadDir(filepath.Join(from, blobs))
	os.MkdirAll(filepath.Join(b.cache, blobs), 0o777)
	for _, e := range entries {
		os.Link(filepath.Join(from, blobs, e.Name()), filepath.Join(b.cache, blobs, e.Name()))
	}
}

// write makes the recipe, with a file whose content tells recipes apart.
func (b *ours) write(content string) error {
	text := fmt.Sprintf("%s\n[[files]]\npath = \"/etc/bench\"\ncontent = %q\n", b.recipe, content)
	return os.WriteFile(filepath.Join(b.dir, "image.toml"), []byte(text), 0o666)
}

// A stage is one step of a build, as the build reports it.
type stage struct {
	Type, Stage string
	Seconds     float64
}

// build returns what a build took, and how long each stage of it.
func (b *ours) build(ctx context.Context) (sample, []stage, error) {
	s, out, err := measure(ctx, b.program, "build", "--json", "--cache", b.cache, filepath.Join(b.dir, "image.toml"))
	if err != nil {
		return s, nil, err
	}
	var stages []stage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var e stage
		if err := dec.Decode(&e); errors.Is(err, io.EOF) {
			return s, stages, nil
		} else if err != nil {
			return s, nil, fmt.Errorf("read the events of the build: %w", err)
		}
		if e.Type == "end" {
			stages = append(stages, e)
		}
	}
}

// round measures each of the ways to build once.
func (b *ours) round(ctx context.Context, i int) error {
	if err := b.measureResolve(ctx); err != nil {
		return err
	}
	if err := errors.Join(b.empty(), b.write("cold")); err != nil {
		return err
	}
	s, stages, err := b.build(ctx)
	if err != nil {
		return err
	}
	b.cold, b.stages = append(b.cold, s), append(b.stages, stages)
	if err := b.sameBytes(); err != nil {
		return err
	}
	if s, _, err = b.build(ctx); err != nil {
		return err
	}
	b.noop = append(b.noop, s)
	if err := b.write(fmt.Sprintf("change %d", i)); err != nil {
		return err
	}
	if s, _, err = b.build(ctx); err != nil {
		return err
	}
	b.change = append(b.change, s)
	return nil
}

// measureResolve makes a lock beside, so that what is built stays the same.
func (b *ours) measureResolve(ctx context.Context) error {
	dir, err := os.MkdirTemp(b.dir, "resolve-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	recipe := filepath.Join(dir, "image.toml")
	if err := os.WriteFile(recipe, b.recipe, 0o666); err != nil {
		return err
	}
	s, _, err := measure(ctx, b.program, "update", "--quiet", "--cache", b.cache, recipe)
	b.resolve = append(b.resolve, s)
	return err
}

// empty leaves of the cache what was downloaded, and nothing of the output.
func (b *ours) empty() error {
	entries, err := os.ReadDir(b.cache)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == "blobs" || e.Name() == "apt" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(b.cache, e.Name())); err != nil {
			return err
		}
	}
	return os.RemoveAll(filepath.Join(b.dir, "out"))
}

// sameBytes compares the image with that of the first cold build: a fast
// build that gives something else each time is worth nothing.
func (b *ours) sameBytes() error {
	sums, err := os.ReadFile(filepath.Join(b.image(), "SHA256SUMS"))
	if err != nil {
		return err
	}
	if b.sums == nil {
		b.sums = sums
	}
	if !bytes.Equal(sums, b.sums) {
		return fmt.Errorf("two builds from one lock differ:\n%s\n%s", b.sums, sums)
	}
	return nil
}

// image is the directory of the one image that was built.
func (b *ours) image() string {
	found, _ := filepath.Glob(filepath.Join(b.dir, "out", "*", "manifest.json"))
	if len(found) == 0 {
		return filepath.Join(b.dir, "out", "missing")
	}
	return filepath.Dir(found[0])
}
