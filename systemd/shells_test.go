package systemd_test

import (
	"testing"

	"github.com/bocaditos/bocaditos/systemd"
	"github.com/bocaditos/bocaditos/tree"
)

// The list of login shells has what packages name, once each, also by the name
// without symbolic links.
func TestShells(t *testing.T) {
	root := tree.New()
	put := func(p, text string) {
		if err := root.Put(p, tree.NewFile(0o644, tree.String(text), tree.Origin{})); err != nil {
			t.Fatal(err)
		}
	}
	const dir = "/usr/share/debianutils/"
	const factory = "/usr/share/factory/etc/shells"
	if err := systemd.AddVendorFiles(root, "/usr", []string{"debianutils"}); err != nil {
		t.Fatal(err)
	}
	if root.Lookup(factory) != nil {
		t.Error("there are shells without debianutils's list")
	}
	put("/usr/bin/sh", "")
	if err := root.Put("/bin", tree.NewSymlink("usr/bin", tree.Origin{})); err != nil {
		t.Fatal(err)
	}
	put(dir+"shells", "# /etc/shells: valid login shells\n/bin/sh\n")
	put(dir+"shells.d/zsh", "/bin/zsh # a comment\n/usr/bin/zsh\n\n")
	put(dir+"shells.d/bash", "# comment\n/bin/bash\n/opt/none/sh\n/bin/sh")
	if err := systemd.AddVendorFiles(root, "/usr", []string{"debianutils"}); err != nil {
		t.Fatal(err)
	}
	n := root.Lookup(factory)
	if n == nil {
		t.Fatal("there are no shells")
	}
	got, err := tree.ReadAll(n.Content)
	if err != nil {
		t.Fatal(err)
	}
	want := "# /etc/shells: valid login shells\n/bin/sh\n/usr/bin/sh\n/bin/bash\n/usr/bin/bash\n/opt/none/sh\n/bin/zsh\n/usr/bin/zsh\n"
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
