package systemd_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/sandbox"
	"github.com/bocaditos/bocaditos/internal/sandbox/sandboxtest"
	"github.com/bocaditos/bocaditos/systemd"
	"github.com/bocaditos/bocaditos/tree"
)

// textBelow is the text of a tree without what is not below dir.
func textBelow(t *testing.T, root *tree.Tree, dir string) string {
	t.Helper()
	whole, err := root.Text()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(whole) {
		if strings.HasPrefix(line, dir) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// What FactoryVar takes out of /var, systemd-tmpfiles makes again, the same.
func TestFactoryVar(t *testing.T) {
	root := sandboxtest.NewRoot(t, "systemd-tmpfiles")
	o := tree.Origin{Package: "test"}
	put := func(p string, n *tree.Node, mode, uid, gid uint32) {
		t.Helper()
		n.UID, n.GID = uid, gid
		if n.Type != tree.Symlink {
			n.Mode = mode
		}
		if err := root.Put(p, n); err != nil {
			t.Fatal(err)
		}
	}
	put("/var", tree.NewDir(0, o), 0o755, 0, 0)
	put("/var/lib", tree.NewDir(0, o), 0o755, 0, 0)
	put("/var/lib/app", tree.NewDir(0, o), 0o770, 12, 34)
	put("/var/lib/app/a b%n\"\\", tree.NewFile(0, tree.String("text\n"), o), 0o640, 12, 34)
	put("/var/lib/app/empty", tree.NewFile(0, tree.String(""), o), 0o600, 12, 0)
	put("/var/lib/app/link%", tree.NewSymlink("/opt/%b", o), 0, 0, 0)
	put("/home", tree.NewDir(0, o), 0o755, 0, 0)
	put("/home/ana", tree.NewDir(0, o), 0o700, 1000, 1000)
	put("/home/ana/.profile", tree.NewFile(0, tree.String("x"), o), 0o644, 1000, 1000)
	put("/root/.ssh", tree.NewDir(0, o), 0o700, 0, 0)
	put("/home/ana/.ssh", tree.NewDir(0, o), 0o700, 0, 0)
	put("/usr/lib/tmpfiles.d/a.conf", tree.NewFile(0, tree.String("d /var/lib/app 770 12 34\nz /var/lib/app/empty 0600\n"), o), 0o644, 0, 0)
	if err := systemd.LinkHomes(root); err != nil {
		t.Fatal(err)
	}
	for p, target := range map[string]string{"/home": "var/home", "/root": "var/roothome"} {
		if n := root.Lookup(p); n.Type != tree.Symlink || n.Target != target {
			t.Errorf("%s is %+v, want a link to %s", p, n, target)
		}
	}
	want := strings.Replace(textBelow(t, root, "/var"), "/var/home/ana/.ssh: dir 0700\n", "", 1)
	if !strings.Contains(want, "/var/home/ana/.profile") || !strings.Contains(want, "/var/roothome/.ssh: dir 0700") {
		t.Fatalf("the homes did not move:\n%s", want)
	}
	refused, err := systemd.FactoryVar(root, "/usr")
	if err != nil || !slices.Equal(refused, []string{"/var/home/ana/.ssh"}) {
		t.Fatalf("refused %v, %v", refused, err)
	}
	if left := root.Lookup("/var").Children(); len(left) > 0 {
		t.Errorf("left in /var: %v", left)
	}
	conf, err := tree.ReadAll(root.Lookup("/usr/lib/tmpfiles.d/zz-bocaditos-var.conf").Content)
	if err != nil || strings.Contains(string(conf), "d /var/lib/app 0770") {
		t.Errorf("%v, or repeats what a package says:\n%s", err, conf)
	}
	results, err := sandbox.Run(t.Context(), root, []sandbox.Command{{Name: "boot", Args: []string{"systemd-tmpfiles", "--create", "--prefix=/var"}}}, sandbox.Options{Dir: t.TempDir()})
	if err != nil || results[0].ExitCode != 0 {
		t.Fatalf("%v, %s", err, results[0].Output)
	}
	if _, err := sandbox.Apply(root, results[0].Changes, func(string, *tree.Node) tree.Origin { return o }); err != nil {
		t.Fatal(err)
	}
	if got := textBelow(t, root, "/var"); got != want {
		t.Errorf("made at boot:\n%swant:\n%s\nof:\n%s%s", got, want, conf, results[0].Output)
	}
}

func TestFactoryVarRefusesDevices(t *testing.T) {
	root := tree.New()
	root.Put("/var/pipe", &tree.Node{Type: tree.FIFO, Mode: 0o600})
	if _, err := systemd.FactoryVar(root, "/usr"); err == nil || !strings.Contains(err.Error(), "/var/pipe") {
		t.Errorf("got %v", err)
	}
}
