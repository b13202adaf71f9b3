package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bocaditos/bocaditos/image"
)

// A project is a recipe in a directory, and what is built of it.
type project struct{ dir string }

func (p project) recipe() string { return filepath.Join(p.dir, "image.toml") }
func (p project) lock() string   { return filepath.Join(p.dir, "image.lock") }
func (p project) out() string    { return filepath.Join(p.dir, "out") }
func (p project) image() string  { return filepath.Join(p.out(), "box_1") }

// starter is the project that init makes, built once: the tests of building
// differ from it by as little as they can.
var starter struct {
	once sync.Once
	project
	init, build result
}

func built(t *testing.T) project {
	t.Helper()
	starter.once.Do(func() {
		dir := filepath.Join(scratch, "starter")
		starter.init = bocaditos(t, "init", "--id", "box", dir)
		starter.build = bocaditos(t, "build", dir)
		if starter.build.code == exitOK {
			starter.project = project{dir}
		}
	})
	if starter.dir == "" {
		t.Fatalf("the recipe that init writes does not build:\n%s%s", starter.init, starter.build)
	}
	return starter.project
}

// derive makes a project with the recipe and the lock of the built one, whose
// recipe has another text where old says so, in pairs of old and new. What old
// is empty for comes at the end.
func derive(t *testing.T, edits ...string) project {
	t.Helper()
	from := built(t)
	p := project{t.TempDir()}
	text := read(t, from.recipe())
	for i := 0; i < len(edits); i += 2 {
		if edits[i] == "" {
			text += "\n" + edits[i+1]
			continue
		}
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("the recipe has no %q", edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	write(t, p.recipe(), text)
	write(t, p.lock(), read(t, from.lock()))
	t.Cleanup(func() { noTraces(t, p.dir) })
	return p
}

// holds checks what is in the output directory: these names and nothing else.
// An output directory that was never made is empty.
func (p project) holds(t *testing.T, names ...string) {
	t.Helper()
	var got []string
	entries, err := os.ReadDir(p.out())
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, names) {
		t.Errorf("the output directory holds %q, want %q", got, names)
	}
}

// whole checks that the image at dir is complete and right.
func whole(t *testing.T, dir string) {
	t.Helper()
	bocaditos(t, "check", dir).wants(t, exitOK, "files as they were built")
}

// sameImage checks that two images are the same, bit for bit.
func sameImage(t *testing.T, a, b string) {
	t.Helper()
	whole(t, a)
	whole(t, b)
	sameSums(t, a, b)
}

func sameSums(t *testing.T, a, b string) {
	t.Helper()
	for _, name := range []string{"SHA256SUMS", image.FileName} {
		if x, y := read(t, filepath.Join(a, name)), read(t, filepath.Join(b, name)); x != y {
			t.Errorf("%s differs:\n%s", name, difference(x, y))
		}
	}
}

// difference lists the lines that only one of two texts has.
func difference(a, b string) string {
	var d strings.Builder
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for _, line := range x {
		if !slices.Contains(y, line) {
			d.WriteString("- " + line + "\n")
		}
	}
	for _, line := range y {
		if !slices.Contains(x, line) {
			d.WriteString("+ " + line + "\n")
		}
	}
	return d.String()
}

// file is an artifact's place.
func (p project) file(t *testing.T, kind image.Kind) string {
	t.Helper()
	m, err := image.Read(p.image())
	if err != nil {
		t.Fatal(err)
	}
	a, err := m.File(kind)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(p.image(), a.File)
}
