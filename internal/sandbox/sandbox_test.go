package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/internal/sandbox"
	"github.com/bocaditos/bocaditos/internal/sandbox/sandboxtest"
	"github.com/bocaditos/bocaditos/tree"
)

func TestMain(m *testing.M) {
	sandbox.Init()
	os.Exit(m.Run())
}

var shellTools = []string{"sh", "cat", "chmod", "chown", "cp", "env", "hostname", "id", "kill", "ln", "ls", "mkdir", "mkfifo", "mknod",
	"mv", "rm", "rmdir", "setfattr", "getfattr", "setcap", "sleep", "stat", "touch", "head", "mount", "grep", "sort", "wc"}

func file(mode uint32, content string) *tree.Node {
	return tree.NewFile(mode, tree.String(content), tree.Origin{Package: "p"})
}

// testTree has one of everything under /t.
func testTree(tb testing.TB) *tree.Tree {
	t := sandboxtest.NewRoot(tb, shellTools...)
	put := func(p string, n *tree.Node) {
		if err := t.Put(p, n); err != nil {
			tb.Fatal(err)
		}
	}
	put("/t/file", file(0o644, "old\n"))
	put("/t/owned", file(0o640, "owned\n"))
	n := t.Lookup("/t/owned")
	n.UID, n.GID = 65534, 100
	put("/t/suid", file(0o4755, "suid"))
	put("/t/cap", file(0o755, "cap"))
	t.Lookup("/t/cap").Xattrs = map[string]string{"security.capability": netBindCap, "user.note": "hello", "trusted.x": "y"}
	put("/t/dir/a", file(0o644, "a"))
	put("/t/dir/b", file(0o644, "b"))
	put("/t/sgid", tree.NewDir(0o2775, tree.Origin{Package: "p"}))
	put("/t/link", tree.NewSymlink("file", tree.Origin{Package: "p"}))
	put("/t/hard1", file(0o644, "hard"))
	t.Link("/t/hard2", t.Lookup("/t/hard1"))
	put("/t/null", &tree.Node{Type: tree.CharDevice, Mode: 0o666, Major: 1, Minor: 3})
	put("/t/fifo", &tree.Node{Type: tree.FIFO, Mode: 0o600})
	return t
}

// netBindCap is "cap_net_bind_service=ep" as the kernel stores it (VFS_CAP_REVISION_2).
const netBindCap = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

func run(tb testing.TB, t *tree.Tree, scripts ...string) []sandbox.Result {
	tb.Helper()
	var cmds []sandbox.Command
	for _, s := range scripts {
		cmds = append(cmds, sandbox.Command{Name: "test", Args: []string{"sh", "-c", s}})
	}
	results, err := sandbox.Run(tb.Context(), t, cmds, sandbox.Options{Dir: tb.TempDir(), Epoch: 1700000000})
	if err != nil {
		tb.Fatal(err)
	}
	return results
}

func apply(tb testing.TB, t *tree.Tree, r sandbox.Result) []sandbox.Change {
	tb.Helper()
	changes, err := sandbox.Apply(t, r.Changes, origin)
	if err != nil {
		tb.Fatal(err)
	}
	return changes
}

// describe gives one line for each change, as in "/t/new: file 0644 87428fc5".
func describe(tb testing.TB, t *tree.Tree, changes []sandbox.Change) string {
	tb.Helper()
	var b strings.Builder
	for _, c := range changes {
		d := "deleted"
		if !c.Deleted {
			var err error
			if d, err = tree.Describe(t.Lookup(c.Path)); err != nil {
				tb.Fatal(err)
			}
		}
		b.WriteString(c.Path + ": " + d + "\n")
	}
	return b.String()
}

// changeCases are scripts and what they change in testTree.
var changeCases = []struct{ name, script, want string }{
	{"nothing", "true", ""},
	{"create", "umask; echo new >/t/new", "/t/new: file 0644 7aa7a535\n"},
	{"create and delete", "echo x >/t/x; rm /t/x", ""},
	{"directory", "mkdir -p /t/n/m; echo >/t/n/m/x", "/t/n: dir 0755\n/t/n/m: dir 0755\n/t/n/m/x: file 0644 01ba4719\n"},
	{"modify", "echo new >/t/file", "/t/file: file 0644 7aa7a535\n"},
	{"same content", "cat /t/file >/f; cat /f >/t/file; rm /f", ""},
	{"time only", "touch /t/file /t/dir /", ""},
	{"delete", "rm /t/file", "/t/file: deleted\n"},
	{"delete directory", "rm -r /t/dir", "/t/dir: deleted\n"},
	{"chmod", "chmod 600 /t/file", "/t/file: file 0600 01d09d19\n"},
	{"chmod and back", "chmod 600 /t/file; chmod 644 /t/file", ""},
	{"chmod root", "chmod 700 /", "/: dir 0700\n"},
	{"chown", "chown 5:60000 /t/file", "/t/file: file 0644 01d09d19 5:60000\n"},
	{"foreign owner", "cat /t/owned >/dev/null; stat -c %u:%g /t/owned; echo >>/t/owned", "/t/owned: file 0640 a840946c 65534:100\n"},
	{"symlink", "ln -s x /t/s; ln -sfn other /t/link", "/t/link: symlink other\n/t/s: symlink x\n"},
	{"symlink to directory", "rm /t/link; mkdir /t/link; echo >/t/link/x", "/t/link: dir 0755\n/t/link/x: file 0644 01ba4719\n"},
	{"fifo", "rm /t/fifo; mkfifo -m 622 /t/p", "/t/fifo: deleted\n/t/p: fifo 0622\n"},
	{"replace directory", "rm -r /t/dir; mkdir /t/dir; echo >/t/dir/c", "/t/dir/a: deleted\n/t/dir/b: deleted\n/t/dir/c: file 0644 01ba4719\n"},
	{"directory to file", "rm -r /t/dir; echo >/t/dir", "/t/dir: file 0644 01ba4719\n"},
	{"rename", "mv /t/dir /t/moved", "/t/dir: deleted\n/t/moved: dir 0755\n/t/moved/a: file 0644 ca978112\n/t/moved/b: file 0644 3e23e816\n"},
	{"setgid directory stays", "chmod g-w /t/sgid", "/t/sgid: dir 2755\n"},
	{"setuid restored", "echo new >/t/suid", "/t/suid: file 4755 7aa7a535\n"},
	{"setuid, touched", "touch /t/suid; cp -p /t/suid /t/x; mv /t/x /t/suid", ""},
	{"setuid, own mode", "chmod 700 /t/suid", "/t/suid: file 0700 15460c0b\n"},
	{"setuid, own owner", "chown 7 /t/suid", "/t/suid: file 0755 15460c0b 7:0\n"},
	{"new setuid", "chmod 6711 /t/file", "/t/file: file 6711 01d09d19\n"},
	{"attributes restored", "chmod 711 /t/cap", "/t/cap: file 0711 45e84635 security.capability=0100000200040000000000000000000000000000 trusted.x=79 user.note=68656c6c6f\n"},
	{"attributes set", "setfattr -n user.note -v bye /t/cap; setfattr -n user.a -v b /t/sgid", "/t/cap: file 0755 45e84635 security.capability=0100000200040000000000000000000000000000 trusted.x=79 user.note=627965\n/t/sgid: dir 2775 user.a=62\n"},
	{"attribute removed", "setfattr -x user.note /t/cap", "/t/cap: file 0755 45e84635 security.capability=0100000200040000000000000000000000000000 trusted.x=79\n"},
	{"capability set", "setcap cap_net_bind_service=ep /t/file", "/t/file: file 0644 01d09d19 security.capability=0100000200040000000000000000000000000000\n"},
	{"mount points", "echo >/tmp/x; echo >/run/x; echo >/dev/x; echo >/dev/null; test ! -e /sys/kernel", ""},
	{"empty output devices", "head -c1 /dev/zero /dev/urandom /dev/random /dev/full >/dev/null", ""},
}

func TestChanges(t *testing.T) {
	base := testTree(t)
	for _, c := range changeCases {
		t.Run(c.name, func(t *testing.T) {
			r := run(t, base, "set -e\n"+c.script)[0]
			if r.ExitCode != 0 {
				t.Fatalf("exit code %d: %s", r.ExitCode, r.Output)
			}
			after := base.Clone()
			changes := apply(t, after, r)
			if got := describe(t, after, changes); got != c.want {
				t.Errorf("got:\n%swant:\n%s", got, c.want)
			}
			for _, c := range changes {
				if c.Deleted {
					continue
				}
				if h := after.Lookup(c.Path).History; h[len(h)-1] != (tree.Origin{Pass: "test", Rule: c.Path}) {
					t.Errorf("%s: history %v", c.Path, h)
				}
			}
		})
	}
}

func TestHardLinks(t *testing.T) {
	base := testTree(t)
	r := run(t, base, "ln /t/file /t/another; echo n >/t/n1; ln /t/n1 /t/n2; chmod 600 /t/hard1; ln /t/suid /t/suid2")[0]
	apply(t, base, r)
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"/t/file", "/t/another", true},
		{"/t/n1", "/t/n2", true},
		{"/t/suid", "/t/suid2", true},
		{"/t/hard1", "/t/hard2", false}, // the command changed one by name
	} {
		a, b := base.Lookup(c.a), base.Lookup(c.b)
		if a == nil || b == nil || (a == b) != c.want {
			t.Errorf("%s and %s are one node: %v, want %v", c.a, c.b, a == b, c.want)
		}
	}
	if n := base.Lookup("/t/suid2"); n.Mode != 0o4755 {
		t.Errorf("/t/suid2 has mode %o", n.Mode)
	}
}

// A later command sees what the earlier ones did, and its changes are its own.
func TestStack(t *testing.T) {
	base := testTree(t)
	results := run(t, base,
		"chmod 711 /; echo 1 >/t/one; rm -r /t/dir; rm /t/file",
		"cat /t/one; ls -d /t/dir /t/file; echo 2 >>/t/one; mkdir /t/dir; echo back >/t/file",
		"cat /t/one /t/file; rm /t/one; ls /t/dir")
	wantOutput := []string{"", "1\nls: cannot access '/t/dir': No such file or directory\nls: cannot access '/t/file': No such file or directory\n", "1\n2\nback\n"}
	wantChanges := []string{
		"/: dir 0711\n/t/dir: deleted\n/t/file: deleted\n/t/one: file 0644 4355a46b\n",
		"/t/dir: dir 0755\n/t/file: file 0644 2ec0cfe9\n/t/one: file 0644 a6e2b7a0\n",
		"/t/one: deleted\n",
	}
	for i, r := range results {
		if string(r.Output) != wantOutput[i] {
			t.Errorf("output %d: got %q, want %q", i, r.Output, wantOutput[i])
		}
		if got := describe(t, base, apply(t, base, r)); got != wantChanges[i] {
			t.Errorf("changes %d: got:\n%swant:\n%s", i, got, wantChanges[i])
		}
	}
}

func TestInside(t *testing.T) {
	t.Setenv("BOCADITOS_TEST", "must not be seen inside")
	t.Setenv("TZ", "Pacific/Auckland")
	cases := []struct{ name, script, want string }{
		{"environment", "env | sort", "HOME=/root\nLANG=C.UTF-8\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nPWD=/\nSOURCE_DATE_EPOCH=1700000000\nSYSTEMD_OFFLINE=1\nTZ=UTC\n"},
		{"working directory", "pwd", "/\n"},
		{"umask", "umask", "0022\n"},
		{"host name", "hostname", "localhost\n"},
		{"user and groups", "id -u; id -g; head -n1 /proc/self/setgroups", "0\n0\nallow\n"},
		{"network", "grep -c : /proc/net/dev", "1\n"},              // lo
		{"other processes", "set -- /proc/[0-9]*; echo $#", "2\n"}, // init, sh
		{"times", "stat -c %Y / /t /t/file /usr/bin/sh", "1700000000\n1700000000\n1700000000\n1700000000\n"},
		{"powers left out", "stat -c %a /t/suid; getfattr --absolute-names -m - /t/cap; ls /t/null", "755\n# file: /t/cap\nuser.note\n\nls: cannot access '/t/null': No such file or directory\n"},
		{"hard links", "stat -c %h /t/hard1", "2\n"},
		{"standard input", "cat", ""},
		{"open files", "ls /proc/self/fd", "0\n1\n2\n3\n"}, // 3 is ls's own
		{"devices cannot be made", "mknod /t/d c 1 3", "mknod: /t/d: Operation not permitted\n"},
		{"sysctls cannot be set", "echo x >/proc/sys/kernel/domainname", "sh: 1: cannot create /proc/sys/kernel/domainname: Read-only file system\n"},
		{"mounts cannot be changed", "mount -o remount,rw /proc 2>&1 | grep -o permission.denied", "permission denied\n"},
		{"the host's root", "ls -A /", "bin\ndev\netc\nlib\nlib64\nproc\nrun\nsbin\nsys\nt\ntmp\nusr\nvar\n"},
	}
	var scripts []string
	for _, c := range cases {
		scripts = append(scripts, c.script)
	}
	inherited, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer inherited.Close()
	syscall.Syscall(syscall.SYS_FCNTL, inherited.Fd(), syscall.F_SETFD, 0) // as a careless caller would leave it
	for i, r := range run(t, testTree(t), scripts...) {
		if string(r.Output) != cases[i].want {
			t.Errorf("%s: got %q, want %q", cases[i].name, r.Output, cases[i].want)
		}
	}
}

func TestCredentials(t *testing.T) {
	script := `stat -c '%a %n' $CREDENTIALS_DIRECTORY $CREDENTIALS_DIRECTORY/*; cat $CREDENTIALS_DIRECTORY/b`
	results, err := sandbox.Run(t.Context(), testTree(t), []sandbox.Command{
		{Name: "with", Args: []string{"sh", "-c", script}, Credentials: map[string]string{"a.x": "1", "b": strings.Repeat("y", 100000)}},
		{Name: "without", Args: []string{"sh", "-c", `echo "<$CREDENTIALS_DIRECTORY>"; ls -A /run`}},
	}, sandbox.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"700 /run/credentials\n400 /run/credentials/a.x\n400 /run/credentials/b\n" + strings.Repeat("y", 100000), "<>\n"}
	for i, r := range results {
		if string(r.Output) != want[i] {
			t.Errorf("%d: got %.200q, want %.200q", i, r.Output, want[i])
		}
	}
}

func TestExit(t *testing.T) {
	r := run(t, testTree(t), "echo out; echo err >&2; exit 3", "kill -9 $$", "sleep 1000 & echo started", "head -c 3000000 /dev/zero")
	for i, want := range []struct {
		code, length int
		output       string
	}{{3, 8, "out\nerr\n"}, {137, 0, ""}, {0, 8, "started\n"}, {0, sandbox.MaxOutput, ""}} {
		if r[i].ExitCode != want.code || len(r[i].Output) != want.length || want.output != "" && string(r[i].Output) != want.output {
			t.Errorf("command %d: exit code %d, %d bytes of output, want %+v", i, r[i].ExitCode, len(r[i].Output), want)
		}
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	dir := t.TempDir()
	_, err := sandbox.Run(ctx, testTree(t), []sandbox.Command{{Name: "slow", Args: []string{"sleep", "1000"}}}, sandbox.Options{Dir: dir})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestErrors(t *testing.T) {
	base := testTree(t)
	base.Put("/t/noloader", file(0o755, "#!/usr/bin/nothing\n"))
	unreadable := base.Clone()
	unreadable.Put("/t/gone", tree.NewFile(0o644, tree.Slice("/nonexistent/file", 0, 5, "x"), tree.Origin{}))
	bigOwner := base.Clone()
	bigOwner.Lookup("/t/file").UID = 100000
	linkedDev := base.Clone()
	linkedDev.Put("/dev", tree.NewSymlink("t", tree.Origin{}))
	for _, c := range []struct {
		name    string
		t       *tree.Tree
		program string
		want    string
	}{
		{"missing program", base, "/usr/bin/nope", "sandbox: pass: /usr/bin/nope: no such program in the image"},
		{"missing name", base, "nope", "sandbox: pass: nope: no such program in the image"},
		{"missing loader", base, "/t/noloader", "sandbox: pass: /t/noloader: its interpreter or dynamic loader is not in the image"},
		{"not executable", base, "/t/file", "sandbox: pass: /t/file: permission denied"},
		{"content is gone", unreadable, "sh", "sandbox: copy the root: read /t/gone: open /nonexistent/file: no such file or directory"},
		{"owner out of range", bigOwner, "sh", "sandbox: unpack the root: /t/file: owner 100000:0: the sandbox knows only IDs below 65536"},
		{"mount point is a link", linkedDev, "sh", "sandbox: pass: /dev of the image is not a directory"},
	} {
		dir := t.TempDir()
		_, err := sandbox.Run(t.Context(), c.t, []sandbox.Command{{Name: "pass", Args: []string{c.program}}}, sandbox.Options{Dir: dir})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			t.Errorf("%s: left behind: %v", c.name, entries)
		}
	}
}

// An image without mount points gets none.
func TestNoMountPoints(t *testing.T) {
	base := testTree(t)
	for _, dir := range []string{"/dev", "/proc", "/run", "/sys", "/tmp"} {
		base.Remove(dir)
	}
	r := run(t, base, "echo >/tmp/x; cat /proc/self/comm")[0]
	if string(r.Output) != "cat\n" {
		t.Errorf("output %q", r.Output)
	}
	if changes := apply(t, base, r); len(changes) > 0 {
		t.Errorf("changes: %v", changes)
	}
}

func BenchmarkRun(b *testing.B) {
	t := testTree(b)
	for i := range 5000 {
		t.Put(fmt.Sprintf("/usr/share/%d/%d", i%100, i), file(0o644, strings.Repeat("x", 20000)))
	}
	b.ResetTimer()
	for b.Loop() {
		run(b, t, "echo >/t/new", "rm /t/new", "true")
	}
}

func origin(p string, _ *tree.Node) tree.Origin { return tree.Origin{Pass: "test", Rule: p} }
