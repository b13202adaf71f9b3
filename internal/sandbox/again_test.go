package sandbox_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/internal/sandbox"
)

const jobVar = "BOCADITOS_TEST_JOB"

// TestJob is not a test of its own: other tests run it in another process,
// as another user or in another environment.
func TestJob(t *testing.T) {
	switch os.Getenv(jobVar) {
	case "changes":
		fmt.Println("<<<" + allChanges(t) + ">>>")
	case "stuck":
		cmds := []sandbox.Command{{Name: "stuck", Args: []string{"sh", "-c", "mkdir /t/new; chown 7:7 /t/new; >/t/new/x; sleep 98765 & sleep 98765"}}}
		_, err := sandbox.Run(t.Context(), testTree(t), cmds, sandbox.Options{Dir: os.Getenv("BOCADITOS_TEST_DIR")})
		t.Fatal(err)
	case "remove":
		if err := sandbox.Remove(os.Getenv("BOCADITOS_TEST_DIR")); err != nil {
			t.Fatal(err)
		}
	case "error":
		_, err := sandbox.Run(t.Context(), testTree(t), []sandbox.Command{{Name: "true", Args: []string{"true"}}}, sandbox.Options{Dir: t.TempDir()})
		fmt.Printf("<<<%v>>>\n", err)
	}
}

// allChanges runs every case of TestChanges and says what came of it, with the
// digest of each archive.
func allChanges(t *testing.T) string {
	base := testTree(t)
	var b strings.Builder
	for _, c := range changeCases {
		r := run(t, base, c.script)[0]
		after := base.Clone()
		archive, err := os.ReadFile(r.Changes)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s: exit code %d %q %x\n%s", c.name, r.ExitCode, r.Output, sha256.Sum256(archive), describe(t, after, apply(t, after, r)))
	}
	return b.String()
}

// job prepares a process that runs TestJob below the command line wrapper,
// which may be empty. Its TMPDIR is dir.
func job(t *testing.T, name, dir string, wrapper ...string) *exec.Cmd {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "test")
	if err := os.WriteFile(binary, self, 0o755); err != nil {
		t.Fatal(err)
	}
	for d := filepath.Dir(binary); d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		os.Chmod(d, 0o755) // another user must get there
	}
	args := append(wrapper, binary, "-test.run", "^TestJob$")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", jobVar + "=" + name, "TMPDIR=" + dir, "BOCADITOS_TEST_DIR=" + dir}
	return cmd
}

// answer runs the job and returns what it printed between <<< and >>>.
func answer(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", cmd, err, out)
	}
	_, s, _ := strings.Cut(string(out), "<<<")
	s, _, ok := strings.Cut(s, ">>>")
	if !ok {
		t.Fatalf("%s: no answer: %s", cmd, out)
	}
	return s
}

// newUser makes a user with subordinate IDs for the time of the test and
// returns the wrapper that runs a command line as this user, and a directory
// the user owns.
func newUser(t *testing.T) (wrapper []string, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("making a user for the test takes root")
	}
	name := fmt.Sprintf("bocaditos-%d", os.Getpid())
	if out, err := exec.Command("useradd", "--no-create-home", name).CombinedOutput(); err != nil {
		t.Fatalf("useradd: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("userdel", name).CombinedOutput(); err != nil {
			t.Errorf("userdel: %v: %s", err, out)
		}
	})
	return []string{"setpriv", "--reuid", name, "--regid", name, "--init-groups", "--inh-caps=-all"}, ownedBy(t, name)
}

func ownedBy(t *testing.T, user string) string {
	dir, err := os.MkdirTemp("", "bocaditos-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if out, err := exec.Command("chown", user, dir).CombinedOutput(); err != nil {
		t.Fatalf("chown: %v: %s", err, out)
	}
	return dir
}

// The result depends on nothing but the tree and the commands, to the byte.
func TestSameEverywhere(t *testing.T) {
	want := allChanges(t)
	user, home := newUser(t)
	overlay := t.TempDir()
	for _, c := range []struct {
		name, dir string
		wrapper   []string
		env       []string
	}{
		{"normal user", home, user, nil},
		{"no new privileges", t.TempDir(), []string{"setpriv", "--no-new-privs"}, nil},
		{"other environment", t.TempDir(), []string{"sh", "-c", `umask 077; exec "$@"`, "sh"},
			[]string{"TZ=Asia/Kathmandu", "LC_ALL=tr_TR.UTF-8", "LANG=tr_TR.UTF-8", "LD_LIBRARY_PATH=/tmp"}},
		{"read-only root", overlay, []string{"unshare", "-m", "sh", "-c",
			`mount -t tmpfs none ` + overlay + ` && mount -o remount,bind,ro / && exec "$@"`, "sh"}, nil},
		{"build directory on an overlay", overlay, []string{"unshare", "-m", "sh", "-c", `d=` + overlay + `; mount -t tmpfs none $d && mkdir $d/l $d/u $d/w $d/m &&
			mount -t overlay none -o lowerdir=$d/l,upperdir=$d/u,workdir=$d/w $d/m && TMPDIR=$d/m exec "$@"`, "sh"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := job(t, "changes", c.dir, c.wrapper...)
			cmd.Env = append(cmd.Env, c.env...)
			if got := answer(t, cmd); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestNoSubordinateIDs(t *testing.T) {
	dir := ownedBy(t, "nobody")
	got := answer(t, job(t, "error", dir, "setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"))
	if !strings.Contains(got, "/etc/subuid gives nobody 65535 subordinate IDs too few") || !strings.Contains(got, "usermod --add-subuids") {
		t.Errorf("got %s", got)
	}
}

func TestNoUserNamespaces(t *testing.T) {
	// A namespace's limit binds those below it, so the host's stays as it is.
	got := answer(t, job(t, "error", t.TempDir(), "unshare", "-Urm", "sh", "-c", `echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"`, "sh"))
	if !strings.Contains(got, "create namespaces") || !strings.Contains(got, "sysctl user.max_user_namespaces=") {
		t.Errorf("got %s", got)
	}
}

func TestNoNewuidmap(t *testing.T) {
	user, home := newUser(t)
	bin := t.TempDir()
	for _, name := range append(shellTools, "ldd", "bash") {
		if file, err := exec.LookPath(name); err == nil {
			os.Symlink(file, filepath.Join(bin, name))
		}
	}
	cmd := job(t, "error", home, append(user, "env", "PATH="+bin)...)
	os.Chmod(filepath.Dir(bin), 0o755)
	os.Chmod(bin, 0o755)
	if got := answer(t, cmd); !strings.Contains(got, "newuidmap is not installed; as root: apt install uidmap") {
		t.Errorf("got %s", got)
	}
}

func TestKilledParent(t *testing.T) {
	user, home := newUser(t)
	for _, c := range []struct {
		name, dir string
		wrapper   []string
	}{{"root", t.TempDir(), nil}, {"normal user", home, user}} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			cmd := job(t, "stuck", c.dir, c.wrapper...)
			cmd.Stdout, cmd.Stderr = &out, &out
			cmd.WaitDelay = 10 * time.Second
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() { cmd.Wait(); close(ended) }()
			eventually(t, "the command runs", func() bool {
				select {
				case <-ended:
					t.Fatalf("ended: %s", &out)
				default:
				}
				return len(sleepers(t)) == 2
			})
			cmd.Process.Signal(syscall.SIGKILL)
			<-ended
			eventually(t, "the command is gone", func() bool { return len(sleepers(t)) == 0 })
			mounts, err := os.ReadFile("/proc/mounts")
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(mounts), c.dir) {
				t.Errorf("mounts left behind:\n%s", mounts)
			}
			if out, err := job(t, "remove", c.dir, c.wrapper...).CombinedOutput(); err != nil {
				t.Errorf("remove: %v: %s", err, out)
			}
			if _, err := os.Stat(c.dir); !os.IsNotExist(err) {
				t.Errorf("left behind: %s: %v", c.dir, err)
			}
		})
	}
}

// sleepers are the processes of the job "stuck".
func sleepers(t *testing.T) (found []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err == nil && string(b) == "sleep\x0098765\x00" {
			found = append(found, f)
		}
	}
	return found
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 300 {
		if f() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

func TestTwoAtOnce(t *testing.T) {
	base := testTree(t)
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			script := fmt.Sprintf("echo %d >/t/n; hostname x; cat /t/n", i)
			r, err := sandbox.Run(t.Context(), base, []sandbox.Command{{Name: "t", Args: []string{"sh", "-c", script}}}, sandbox.Options{Dir: dir})
			if err != nil {
				t.Error(err)
				return
			}
			after := base.Clone()
			if _, err := sandbox.Apply(after, r[0].Changes, origin); err != nil {
				t.Error(err)
				return
			}
			rc, err := after.Lookup("/t/n").Content.Open()
			if err != nil {
				t.Error(err)
				return
			}
			defer rc.Close()
			if b, _ := io.ReadAll(rc); string(b) != fmt.Sprintf("%d\n", i) {
				t.Errorf("run %d wrote %q", i, b)
			}
		})
	}
	wg.Wait()
}
