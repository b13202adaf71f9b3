package unitfixup_test

import (
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/tree"
	"github.com/bocaditos/bocaditos/unitfixup"
)

// FuzzFix: arbitrary bytes are no reason to panic, nothing but the reported
// programs changes, and fixing is idempotent.
func FuzzFix(f *testing.F) {
	for _, seed := range []string{
		"[Service]\nExecStart=-@kmod a ; \"/sbin/x y\" \\\n# c\n ; kmod\n",
		"[Service]\r\nExecStart=k\\x6dod\r\n\x00ExecStop=/bin/k%%mod",
		"[D-BUS Service]\nExec=km\"od\" x\nSystemdService=x",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, p := range []string{"/usr/lib/systemd/system/a.service", "/etc/systemd/user/service.d/a.conf", "/usr/share/dbus-1/services/a.service"} {
			tr := tree.New()
			add(t, tr, "own", "/usr/bin/kmod", "/usr/bin/a b", "/usr/bin/%")
			addFile(t, tr, "own", p, string(data))
			r := fix(t, tr, unitfixup.Options{})
			fixed := content(t, tr, p)
			if len(r.Changed()) == 0 && fixed != string(data) {
				t.Fatalf("changed without a word: %q to %q", data, fixed)
			}
			checkOutside(t, string(data), fixed, r)
			again := fix(t, tr, unitfixup.Options{})
			if len(again.Changed()) > 0 || content(t, tr, p) != fixed || len(again.Lines) != len(r.Lines) {
				t.Fatalf("%q: fixing again: %q to %q", data, fixed, content(t, tr, p))
			}
		}
	})
}

// checkOutside: what lies between the new paths was in the file before, in
// this order, from its first byte to its last.
func checkOutside(t *testing.T, old, fixed string, r *unitfixup.Report) {
	const around = `"'-@:+!` // quotes are rewritten, prefixes may move into them
	first := true
	for _, l := range r.Lines {
		if l.Verdict != unitfixup.Rewritten {
			continue
		}
		written := strings.ReplaceAll(l.New, "%", "%%")
		if l.Key == "Exec" {
			written = l.New
		}
		i := strings.Index(fixed, written)
		if i < 0 {
			t.Fatalf("%q is not in %q", written, fixed)
		}
		before := strings.TrimRight(strings.TrimLeft(fixed[:i], `"'`), around)
		at := strings.Index(old, before)
		if at < 0 || first && at != 0 {
			t.Fatalf("%q does not start with %q", old, before)
		}
		old, fixed, first = old[at+len(before):], fixed[i+len(written):], false
	}
	if rest := strings.TrimLeft(fixed, `"'`); !strings.HasSuffix(old, rest) {
		t.Fatalf("%q does not end in %q", old, rest)
	}
}
