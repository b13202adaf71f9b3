package builder

import (
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/tree"
)

// A line that names a module which is not there is an error where the recipe
// wrote it, a warning in a package's service, a note where it is optional.
func TestPAM(t *testing.T) {
	const unix = "/usr/lib/x86_64-linux-gnu/security/pam_unix.so"
	for _, c := range []struct{ name, pkg, recipe, err, events string }{
		{"all there", "auth required pam_unix.so\n", "auth required pam_unix.so\n", "", ""},
		{"package", "auth required pam_no.so\n", "", "",
			"warning /usr/lib/pam.d/pkg:1: the PAM module pam_no.so is not in the image: the service refuses everybody"},
		{"package, optional", "session optional pam_no.so\nsession optional pam_no.so\n", "", "", "note the PAM module pam_no.so, optional in pkg, is not in the image"},
		{"recipe", "", "auth required pam_no.so\n", "/etc/pam.d/mine:1: the PAM module pam_no.so is not in the image", ""},
		{"recipe, include", "", "\n@include no\n", "/etc/pam.d/mine:2: the PAM configuration no is not in the image", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := pkg(t, "p", map[string]string{unix: "elf", "/usr/lib/pam.d/pkg": c.pkg}).Tree
			if err := root.Put("/etc/pam.d/mine", tree.NewFile(0o644, tree.String(c.recipe), tree.Origin{Pass: "recipe"})); err != nil {
				t.Fatal(err)
			}
			var events []string
			b := &build{recipe: &recipe.Recipe{}, prefix: usr, Options: Options{Report: func(e Event) { events = append(events, string(e.Type)+" "+e.Text) }}}
			err := b.finishPAM(root)
			if got := strings.Join(events, "\n"); got != c.events {
				t.Errorf("reported %q, want %q", got, c.events)
			}
			if err == nil && c.err != "" || err != nil && err.Error() != c.err {
				t.Errorf("got %v, want %q", err, c.err)
			}
		})
	}
}
