package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/builder"
	"github.com/bocaditos/bocaditos/internal/archivetest"
)

// A moment is when a build is hit: some time after an event.
type moment struct {
	event builder.EventType
	stage string
	after time.Duration
}

// moments are all through a build. In the long stages there are several; that
// one may come too late on a fast machine is why there are so many.
var moments = []moment{
	{builder.StageStart, "fetch", 0},
	{builder.StageStart, "unpack", 0},
	{builder.StageStart, "unpack", 200 * time.Millisecond},
	{builder.StageStart, "merge", 0},
	{builder.StageStart, "passes", 0},
	{builder.StageStart, "passes", 150 * time.Millisecond},
	{builder.StageStart, "passes", 600 * time.Millisecond},
	{builder.StageStart, "passes", 1200 * time.Millisecond},
	{builder.StageStart, "passes", 2000 * time.Millisecond},
	{builder.StageStart, "root", 0},
	{builder.StageStart, "root", 100 * time.Millisecond},
	{builder.StageStart, "initrd", 0},
	{builder.StageStart, "uki", 0},
	{builder.StageStart, "outputs", 0},
	{builder.StageStart, "outputs", 200 * time.Millisecond},
	{builder.StageEnd, "outputs", 0},
	{builder.StageEnd, "outputs", 30 * time.Millisecond},
}

// ownCache is a cache that shares nothing with the user's, but starts with
// what would have to be downloaded.
func ownCache(t *testing.T, dir string) string {
	t.Helper()
	from, err := builder.CacheDir("")
	if err != nil {
		t.Fatal(err)
	}
	built(t) // else the user's may be empty
	if err := os.CopyFS(filepath.Join(dir, "blobs"), os.DirFS(filepath.Join(from, "blobs"))); err != nil {
		t.Fatal(err)
	}
	inits, err := filepath.Glob(filepath.Join(from, "init-*"))
	if err != nil || len(inits) == 0 {
		t.Fatalf("no init in the cache: %v", err)
	}
	for _, file := range inits {
		copied := filepath.Join(dir, filepath.Base(file)) // a user may be unable to follow a link
		write(t, copied, read(t, file))
		if err := os.Chmod(copied, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// forget takes out of the cache what makes builds quick, and leaves what
// killed ones left.
func forget(t *testing.T, cache, what string) {
	t.Helper()
	done, err := filepath.Glob(filepath.Join(cache, what, "[!.]*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range done {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}

// partials are the unfinished results in a cache.
func partials(cache string) []string {
	found, _ := filepath.Glob(filepath.Join(cache, "passes", ".*"))
	more, _ := filepath.Glob(filepath.Join(cache, "*", "*.partial"))
	return append(found, more...)
}

// Whenever a build is killed or interrupted, nothing of it runs on or stays
// mounted, the image is the whole old one or there is none, and the next build
// copes with what was left.
func TestKilled(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			p, cache := derive(t), ownCache(t, t.TempDir())
			hits := 0
			for i, m := range moments {
				name := fmt.Sprintf("%s %v after the %s of %s", signal, m.after, m.event, m.stage)
				forget(t, cache, "passes")
				if m.stage == "unpack" {
					forget(t, cache, "unpacked")
				}
				w := watch(t, p, "--force", "--cache", cache)
				w.until(t, m.event, m.stage)
				time.Sleep(m.after)
				if err := syscall.Kill(-w.Process.Pid, signal); err != nil {
					t.Fatal(err)
				}
				code := w.end(t)
				t.Logf("%s: %d", name, code)
				_, err := os.Stat(p.image())
				switch {
				case code == exitOK: // it was done already
					if err != nil {
						t.Errorf("%s: exit code 0 and no image", name)
					}
				case signal == syscall.SIGINT:
					hits++
					if want := "bocaditos: interrupted; nothing was left behind\n"; code != exitInterrupted || w.stderr.String() != want {
						t.Errorf("%s: exit code %d, standard error %q; want %d, %q", name, code, w.stderr.String(), exitInterrupted, want)
					}
					if left := partials(cache); len(left) > 0 {
						t.Errorf("%s: left in the cache: %q", name, left)
					}
				default:
					hits++
					if code != -1 {
						t.Errorf("%s: exit code %d:\n%s", name, code, w.stderr.String())
					}
				}
				noTraces(t, p.dir)
				// The first half is hit where no image is yet.
				if err == nil {
					whole(t, p.image())
					sameSums(t, built(t).image(), p.image())
				}
				if signal == syscall.SIGINT {
					if err == nil {
						p.holds(t, "box_1")
					} else {
						p.holds(t)
					}
				}
				if i == len(moments)/2 {
					finish(t, command(t, "build", p.dir, "--force", "--cache", cache)).wants(t, exitOK)
				}
				if t.Failed() {
					t.Fatalf("stopped at: %s", name)
				}
			}
			if hits < len(moments)/2 {
				t.Errorf("only %d of %d builds were hit before they were done", hits, len(moments))
			}
			forget(t, cache, "passes")
			finish(t, command(t, "build", p.dir, "--force", "--cache", cache)).wants(t, exitOK)
			p.holds(t, "box_1")
			sameImage(t, built(t).image(), p.image())
			if left := partials(cache); len(left) > 0 {
				t.Errorf("left in the cache: %q", left)
			}
		})
	}
}

// While a mirror does not answer, an interrupt ends the tool, and the apt that
// it had asked.
func TestInterruptedWhileTheMirrorHangs(t *testing.T) {
	for _, what := range []string{"InRelease", ".deb"} {
		t.Run(what, func(t *testing.T) {
			p := newPrivate(t, `["layout", "one"]`)
			m := archivetest.Serve(t, p.Archive.Dir)
			p.from(t, m.URL)
			hangs := make(chan struct{}, 100)
			m.Fail(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, what) || r.Method != http.MethodGet {
					return false
				}
				hangs <- struct{}{}
				<-r.Context().Done()
				return true
			})
			w := watch(t, p.project, "--cache", p.cache)
			<-hangs
			if err := syscall.Kill(-w.Process.Pid, syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			if code := w.end(t); code != exitInterrupted {
				t.Errorf("exit code %d, want %d:\n%s", code, exitInterrupted, w.stderr.String())
			}
			p.holds(t)
			noTraces(t, p.dir)
			m.Heal()
			p.do(t, "build").wants(t, 5, "the image has no /usr/lib/systemd/systemd")
		})
	}
}
