package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const hintOutput = "\n  hint: choose another directory with --output or output.directory\n"

// tmpfs mounts a new filesystem of its own on the project's output directory.
func (p project) tmpfs(t *testing.T, options string) {
	t.Helper()
	if err := os.MkdirAll(p.out(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", p.out(), "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(p.out(), 0); err != nil {
			t.Errorf("something still uses the output directory: %v", err)
		}
	})
}

func TestReadOnlyOutput(t *testing.T) {
	p := derive(t)
	p.tmpfs(t, "size=1m")
	if err := unix.Mount("", p.out(), "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	bocaditos(t, "build", p.dir).wants(t, 8, "read-only file system", p.out(), hintOutput)
	p.holds(t)
}

func TestFullOutput(t *testing.T) {
	for name, size := range map[string]string{"root": "size=8m", "disk": "size=180m"} {
		t.Run(name, func(t *testing.T) {
			p := derive(t)
			p.tmpfs(t, size)
			bocaditos(t, "build", p.dir).wants(t, 8, "no space left on device", "\n  hint: free some space, or choose another directory with --output or output.directory\n")
			p.holds(t)
		})
	}
}

func TestOutputThatIsAFile(t *testing.T) {
	p := derive(t)
	write(t, p.out(), "mine")
	bocaditos(t, "build", p.dir).wants(t, 8, "make the output directory: ", "not a directory", hintOutput)
	bocaditos(t, "build", p.dir, "--output", filepath.Join(p.out(), "below")).wants(t, 8, "not a directory", hintOutput)
	if got := read(t, p.out()); got != "mine" {
		t.Errorf("the file now holds %q", got)
	}
}

// A build that has come far is stopped, not ended: a second one of the same
// image is refused, and the first one is none the worse for it.
func TestTwoBuildsOfOneImage(t *testing.T) {
	p := derive(t)
	first := watch(t, p)
	first.until(t, "start", "root")
	if err := first.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r := bocaditos(t, "build", p.dir)
	if err := first.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	r.wants(t, 8, "another build is writing "+p.image())
	if code := first.end(t); code != exitOK {
		t.Errorf("the first build: exit code %d\n%s", code, first.stderr.String())
	}
	p.holds(t, "box_1")
	sameImage(t, built(t).image(), p.image())
}

// Where files go does not matter to what they are.
func TestOutputElsewhere(t *testing.T) {
	p := derive(t)
	elsewhere := filepath.Join(t.TempDir(), "a", "b")
	r := bocaditos(t, "build", p.dir, "-o", elsewhere).wants(t, exitOK)
	if !strings.Contains(r.stdout, filepath.Join(elsewhere, "box_1")+"\n") {
		t.Error("it does not say where the image is")
	}
	p.holds(t)
	sameImage(t, built(t).image(), filepath.Join(elsewhere, "box_1"))
}
