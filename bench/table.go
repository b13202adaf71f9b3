package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"text/tabwriter"
	"time"
)

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// printTimes prints how long the tools took, and how they compare.
func printTimes(w io.Writer, b *ours, m *mkosi) {
	t := tabwriter.NewWriter(w, 2, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%d runs\tmin\tmedian\tCPU time\tpeak memory\tmkosi takes\t\n", len(b.cold))
	row := func(name string, s samples, other samples) {
		ratio := ""
		if len(other) > 0 {
			ratio = fmt.Sprintf("%.1f ×", other.median().Seconds()/s.median().Seconds())
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t\n", name, seconds(s.min()), seconds(s.median()), seconds(s.cpu()), megabytes(s.memory()), ratio)
	}
	row("resolve: a new lock", b.resolve, nil)
	row("build, nothing but downloads in the cache", b.cold, m.cold)
	row("build, a file of the recipe changed", b.change, m.again)
	row("build, nothing changed", b.noop, nil) // mkosi has no such thing: it builds, or refuses
	if m.missing == "" {
		row("mkosi "+m.version+", packages downloaded", m.cold, nil)
		row("mkosi "+m.version+" --incremental, again", m.again, nil)
	}
	t.Flush()
	if m.missing != "" {
		fmt.Fprintf(w, "mkosi: %s\n", m.missing)
	}
	fmt.Fprintln(w)
}

// printStages prints where a cold build spends its time.
func printStages(w io.Writer, b *ours) {
	fmt.Fprint(w, "of which, medians: ")
	for i, first := range b.stages[0] {
		var s samples
		for _, run := range b.stages {
			s = append(s, sample{wall: time.Duration(run[i].Seconds * float64(time.Second))})
		}
		if s.median() >= 10*time.Millisecond {
			fmt.Fprintf(w, " %s %s;", first.Stage, seconds(s.median()))
		}
	}
	fmt.Fprint(w, "\nthe bytes of all builds with the same recipe and lock were the same\n\n")
}

// printSizes prints how large the results are.
func printSizes(w io.Writer, b *ours, m *mkosi) error {
	data, err := os.ReadFile(filepath.Join(b.image(), "manifest.json"))
	if err != nil {
		return err
	}
	var manifest struct {
		Artifacts []struct{ Kind, File string }
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		return err
	}
	file := map[string]string{}
	for _, a := range manifest.Artifacts {
		file[a.Kind] = filepath.Join(b.image(), a.File)
	}
	t := tabwriter.NewWriter(w, 2, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "Size\tbocaditos\tmkosi\t\n")
	for _, r := range []struct{ name, kind, theirs string }{
		{"disk", "disk", "image.raw"}, {"root", "root", ""}, {"root-verity", "verity", ""},
		{"UKI", "uki", "image.efi"}, {"kernel", "kernel", "image.vmlinuz"}, {"initrd", "initrd", "image.initrd"},
	} {
		theirs := ""
		if m.missing == "" && r.theirs != "" {
			theirs = filepath.Join(m.dir, "out", r.theirs)
		}
		apparent, allocated := sizes(file[r.kind])
		apparent2, allocated2 := sizes(theirs)
		fmt.Fprintf(t, "%s\t%s\t%s\t\n", r.name, apparent, apparent2)
		if r.kind == "disk" {
			fmt.Fprintf(t, "disk, allocated\t%s\t%s\t\n", allocated, allocated2)
		}
	}
	return t.Flush()
}

// sizes is how long a file is and how much of the disk it takes.
func sizes(file string) (apparent, allocated string) {
	var s syscall.Stat_t
	if file == "" || syscall.Stat(file, &s) != nil {
		return "–", "–"
	}
	return megabytes(s.Size), megabytes(s.Blocks * 512)
}
