package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/builder"
	"github.com/bocaditos/bocaditos/image"
)

// files describes every file below a directory, for comparison.
func files(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(dir, func(file string, info os.FileInfo, err error) error {
		if err == nil {
			b.WriteString(strings.Join([]string{file, info.Mode().String(), info.ModTime().String()}, " ") + "\n")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A second build does nothing unless there is a reason, and names it.
func TestBuildAgain(t *testing.T) {
	p := derive(t)
	bocaditos(t, "build", p.dir).wants(t, exitOK, "building because "+p.image()+" does not exist yet")

	before := files(t, p.dir)
	r := bocaditos(t, "build", p.dir).wants(t, exitOK, "note: "+p.image()+" is up to date\n", "root hash ")
	r.without(t, "building because", " s  ")
	if after := files(t, p.dir); after != before {
		t.Errorf("a build with nothing to do changed files:\n%s", difference(before, after))
	}
	if r := bocaditos(t, "build", "-q", p.dir).wants(t, exitOK); r.stdout+r.stderr != "" {
		t.Errorf("--quiet says %q", r.stdout+r.stderr)
	}

	text := read(t, p.recipe())
	write(t, p.recipe(), text+"\n# a comment\n")
	bocaditos(t, "build", p.dir).wants(t, exitOK, "is up to date")

	for _, c := range []struct{ name, old, new, because string }{
		{"a file's content", "Built with Bocaditos", "Built again", `files "/etc/motd" changed`},
		{"the command line", `"quiet"`, `"quiet", "splash"`, "kernel.command_line changed"},
	} {
		text = strings.Replace(text, c.old, c.new, 1)
		write(t, p.recipe(), text)
		bocaditos(t, "build", p.dir).wants(t, exitOK, "note: building because "+c.because+"\n")
		whole(t, p.image())
	}

	disk := p.file(t, image.Disk)
	write(t, disk, "not a disk")
	bocaditos(t, "check", p.dir).wants(t, exitFailure, filepath.Base(disk)+" is not the file that was built: 10 bytes")
	bocaditos(t, "build", p.dir).wants(t, exitOK, "note: building because "+disk+" is not as it was built\n")
	whole(t, p.image())
	os.Remove(disk)
	bocaditos(t, "build", p.dir).wants(t, exitOK, "note: building because "+disk+" is not as it was built\n")
	whole(t, p.image())

	t.Setenv("SOURCE_DATE_EPOCH", "12345")
	bocaditos(t, "build", p.dir).wants(t, exitOK, "note: building because SOURCE_DATE_EPOCH changed\n")
	if m, err := image.Read(p.image()); err != nil || m.Epoch != 12345 {
		t.Errorf("the image's epoch is not SOURCE_DATE_EPOCH: %+v, %v", m, err)
	}
	bocaditos(t, "build", p.dir, "--force").wants(t, exitOK, "note: building because it was asked for (--force)\n")
	whole(t, p.image())
	p.holds(t, "box_1")
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	bocaditos(t, "build", p.dir).wants(t, exitUsage, `SOURCE_DATE_EPOCH="yesterday" is not a number of seconds`, "hint: ")
}

// A file that the recipe takes from the host is an input, too.
func TestSourceThatChanged(t *testing.T) {
	p := derive(t, "", "[[files]]\npath = \"/srv\"\nsource = \"srv\"\n")
	write(t, p.dir+"/srv/index", "one")
	bocaditos(t, "build", p.dir).wants(t, exitOK)
	bocaditos(t, "build", p.dir).wants(t, exitOK, "is up to date")
	write(t, p.dir+"/srv/index", "two")
	bocaditos(t, "build", p.dir).wants(t, exitOK, "building because the source of files \"/srv\" changed\n")
	bocaditos(t, "why", "--image", p.dir, "/srv/index").wants(t, exitOK, "/srv/index  file 0644 0:0")
}

func TestEventsAsJSON(t *testing.T) {
	p := derive(t)
	r := bocaditos(t, "build", "--json", p.dir).wants(t, exitOK)
	if r.stderr != "" {
		t.Errorf("standard error: %q", r.stderr)
	}
	var running string
	var ended []string
	seen := map[builder.EventType]int{}
	for line := range strings.Lines(r.stdout) {
		dec := json.NewDecoder(strings.NewReader(line))
		dec.DisallowUnknownFields()
		var e builder.Event
		if err := dec.Decode(&e); err != nil || dec.More() {
			t.Fatalf("%s: %v", line, err)
		}
		seen[e.Type]++
		switch e.Type {
		case builder.StageStart:
			if running != "" {
				t.Errorf("%s starts while %s runs", e.Stage, running)
			}
			running = e.Stage
		case builder.StageEnd:
			if e.Stage != running || e.Text == "" {
				t.Errorf("while %s runs: %s", running, line)
			}
			ended, running = append(ended, e.Stage), ""
		case builder.Progress:
			if e.Stage != running || e.Done > e.Total || e.Unit == "" {
				t.Errorf("while %s runs: %s", running, line)
			}
		case builder.Note, builder.Warning, builder.Done:
			if e.Text == "" || e.Stage != "" {
				t.Errorf("what is that to say: %s", line)
			}
		default:
			t.Errorf("unknown type: %s", line)
		}
	}
	if got, want := strings.Join(ended, " "), "fetch unpack merge scripts fixup passes prune verify root initrd uki outputs"; got != want || running != "" {
		t.Errorf("these stages ended: %s, want %s; still running: %q", got, want, running)
	}
	for _, kind := range []builder.EventType{builder.Progress, builder.Note, builder.Done} {
		if seen[kind] == 0 {
			t.Errorf("no event of type %q", kind)
		}
	}

	r = bocaditos(t, "build", "--json", p.dir).wants(t, exitOK)
	if want := `{"type":"note","text":"` + p.image() + ` is up to date"}` + "\n" + `{"type":"done","cached":true,"text":"` + p.image() + `"}` + "\n"; r.stdout != want {
		t.Errorf("a build with nothing to do says %q, want %q", r.stdout, want)
	}
}
