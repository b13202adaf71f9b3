package builder

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/tree"
)

// leftoverFiles are what packages have, a file of each leftover among it.
var leftoverFiles = map[string]string{
	"/usr/bin/kernel-install":                     "elf",
	"/usr/lib/kernel/install.d/50-depmod.install": "sh",
	"/usr/lib/kernel/install.conf":                "conf",
	"/usr/lib/rpm/macros.d/macros.systemd":        "macros",
	"/usr/lib/udev/hwdb.d/20-usb.hwdb":            "usb",
	"/usr/lib/udev/hwdb.bin":                      "bin",
	"/usr/lib/tmpfiles.d/credstore.conf":          "d /etc/credstore 0700\n",
	"/usr/share/bug/systemd/script":               "sh",
	"/etc/cron.daily/dpkg":                        "sh",
	"/etc/cron.daily/man-db":                      "sh",
}

func leftoverTree(t *testing.T) *tree.Tree {
	root := pkg(t, "p", leftoverFiles).Tree
	for _, dir := range []string{"/etc/kernel/install.d", "/etc/credstore"} {
		if err := root.Put(dir, tree.NewDir(0o700, tree.Origin{Pass: "systemd-tmpfiles"})); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestPruneLeftovers(t *testing.T) {
	recipe := tree.Origin{Pass: "recipe", Rule: "files"}
	for _, c := range []struct {
		name      string
		keep      []string
		add       map[string]*tree.Node
		stays     []string // beside what always does
		unmatched []string
	}{
		{name: "all"},
		{name: "a kept file", keep: []string{"/usr/bin/kernel-install"}, stays: []string{"/usr/bin/kernel-install"}},
		{name: "a kept directory", keep: []string{"/usr/lib/kernel"}, stays: []string{"/usr/lib/kernel/install.conf", "/usr/lib/kernel/install.d/50-depmod.install"}},
		{name: "kept below what is left out", keep: []string{"/usr/lib/kernel/*.conf"}, stays: []string{"/usr/lib/kernel/install.conf"}},
		{name: "kept, of which there is none", keep: []string{"/usr/lib/dracut", "/usr/lib/udev/hwdb.bin"}, unmatched: []string{"/usr/lib/dracut", "/usr/lib/udev/hwdb.bin"}},
		{name: "a kept empty directory", keep: []string{"/etc/credstore"}, stays: []string{"/etc/credstore"}},
		{name: "the recipe's secret", add: map[string]*tree.Node{"/etc/credstore/x": tree.NewFile(0o600, tree.String("s"), recipe)}, stays: []string{"/etc/credstore/x"}},
		{name: "a package's secret", add: map[string]*tree.Node{"/etc/credstore/x": tree.NewFile(0o600, tree.String("s"), tree.Origin{Package: "q"})}, stays: []string{"/etc/credstore/x"}},
		{name: "the recipe's hook", add: map[string]*tree.Node{"/usr/lib/kernel/install.d/mine": tree.NewFile(0o755, tree.String("s"), recipe)}, stays: []string{"/usr/lib/kernel/install.d/mine"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := leftoverTree(t)
			for p, n := range c.add {
				if err := root.Put(p, n); err != nil {
					t.Fatal(err)
				}
			}
			left, err := pruneLeftovers(root, usr, c.keep)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			root.Walk(func(p string, n *tree.Node) error {
				if n.Type != tree.Dir || len(n.Children()) == 0 && path.Dir(p) == "/etc" {
					got = append(got, p)
				}
				return nil
			})
			want := append([]string{"/etc/cron.daily/man-db", "/usr/lib/udev/hwdb.bin"}, c.stays...)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if !slices.Equal(left.unmatched, c.unmatched) {
				t.Errorf("unmatched: %q", left.unmatched)
			}
			for _, o := range left.out {
				if root.Lookup(o.Path) != nil || o.History[len(o.History)-1].Rule == "" {
					t.Errorf("%+v", o)
				}
			}
			if c.name == "all" {
				var paths []string
				for _, o := range left.out {
					paths = append(paths, o.Path)
				}
				wantOut := []string{"/etc/kernel", "/usr/lib/kernel", "/usr/bin/kernel-install", "/usr/lib/rpm", "/etc/cron.daily/dpkg",
					"/usr/share/bug", "/etc/credstore", "/usr/lib/tmpfiles.d/credstore.conf", "/usr/lib/udev/hwdb.d"}
				if !slices.Equal(paths, wantOut) || left.bytes != int64(len("elfshconfmacrosshshusb")+len(leftoverFiles["/usr/lib/tmpfiles.d/credstore.conf"])) {
					t.Errorf("left out %d bytes:\n%s", left.bytes, strings.Join(paths, "\n"))
				}
			}
		})
	}
}

// Without hwdb.bin, udev could be given the database later.
func TestSourcesOfNothing(t *testing.T) {
	root := leftoverTree(t)
	if err := root.Remove("/usr/lib/udev/hwdb.bin"); err != nil {
		t.Fatal(err)
	}
	if _, err := pruneLeftovers(root, usr, nil); err != nil || root.Lookup("/usr/lib/udev/hwdb.d/20-usb.hwdb") == nil {
		t.Errorf("the sources of a database that was not made are gone (%v)", err)
	}
}

func TestLeftoversAreClean(t *testing.T) {
	for _, l := range leftovers(usr) {
		for _, p := range l.paths {
			if path.Clean(p) != p || !path.IsAbs(p) || l.why == "" {
				t.Errorf("%q: %s", p, l.why)
			}
		}
	}
}
