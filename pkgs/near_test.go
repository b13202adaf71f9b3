package pkgs

import (
	"slices"
	"testing"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"openssh", "openssh", 0}, {"opensh", "openssh", 1}, {"oepnssh", "openssh", 1}, {"bash", "zsh", 2}, {"x", "abcdefghijkl", 9}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestNear(t *testing.T) {
	names := []string{"openssh", "openssl", "OpenSSH_hpn", "zsh", "bash", "bash-completion"}
	for name, want := range map[string][]string{
		"opensh":  {"openssh", "openssl"},
		"OPENSSL": {"openssl", "openssh"},
		"bash":    {"bash", "bash-completion"},
		"emacs":   nil,
	} {
		if got := Near(name, names); !slices.Equal(got, want) {
			t.Errorf("near %s: %v, want %v", name, got, want)
		}
	}
}
