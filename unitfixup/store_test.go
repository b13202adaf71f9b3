package unitfixup_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/tree"
	"github.com/bocaditos/bocaditos/unitfixup"
)

const (
	hash    = "0123456789abcdfghijklmnpqrsvwxyz"
	hashed  = "/nix/store/" + hash
	systemd = hashed + "-systemd-257.9"
)

// storeRoot is an image in which each package has a prefix: "own" of several
// outputs refers to "dep", that to "far"; systemd's prefix has a link to
// every program.
func storeRoot(t testing.TB) (*tree.Tree, unitfixup.Options) {
	tr := tree.New()
	add(t, tr, "", "/bin/sh", "/usr/bin/env")
	add(t, tr, "own", hashed+"-own-1.0/libexec/own-helper", hashed+"-own-1.0/lib/own/both")
	add(t, tr, "own.bin", hashed+"-own-1.0-bin/bin/ownd", hashed+"-own-1.0-bin/bin/both", hashed+"-own-1.0-bin/bin/depctl")
	add(t, tr, "own.lib", hashed+"-own-1.0-lib/libexec/own-plugin")
	add(t, tr, "dep", hashed+"-dep-2/bin/depctl", hashed+"-dep-2/bin/depd", hashed+"-dep-2/sbin -> bin")
	add(t, tr, "far", hashed+"-far-3/bin/farctl")
	add(t, tr, "kmod", hashed+"-kmod-34/bin/kmod", hashed+"-kmod-34/bin/modprobe -> kmod")
	add(t, tr, "util-linux", hashed+"-util-linux-2.41-bin/bin/agetty", hashed+"-util-linux-2.41-bin/sbin -> bin")
	add(t, tr, "systemd", systemd+"/bin/udevadm", systemd+"/lib/systemd/systemd-executor")
	for _, p := range []string{"own-1.0-bin/bin/ownd", "dep-2/bin/depctl", "far-3/bin/farctl", "kmod-34/bin/kmod", "kmod-34/bin/modprobe", "util-linux-2.41-bin/bin/agetty"} {
		name := p[strings.LastIndex(p, "/")+1:]
		add(t, tr, "", systemd+"/bin/"+name+" -> "+hashed+"-"+p)
	}
	add(t, tr, "", systemd+"/bin/insmod -> modprobe", systemd+"/bin/renamed -> "+hashed+"-dep-2/bin/depd", systemd+"/bin/gone -> "+hashed+"-gone-1/bin/gone")
	return tr, unitfixup.Options{
		Path:    []string{systemd + "/bin"},
		Depends: map[string][]string{"own": {"dep"}, "dep": {"far"}},
		Outputs: unitfixup.StoreOutputs(map[string]string{
			"own": hashed + "-own-1.0", "own.bin": hashed + "-own-1.0-bin", "own.lib": hashed + "-own-1.0-lib", "dep": hashed + "-dep-2",
			"util-linux": hashed + "-util-linux-2.41-bin", "systemd": systemd,
		}),
	}
}

func TestSeparatePrefixes(t *testing.T) {
	const kept, rewritten, missing = unitfixup.Kept, unitfixup.Rewritten, unitfixup.Missing
	for _, c := range []struct {
		in, out string // out: below the store, "" when in stays
		verdict unitfixup.Verdict
		why     string
	}{
		// What exists stays: all that exists outside of the store is these two.
		{in: "/bin/sh -c 'ownd'", verdict: kept},
		{in: "/usr/bin/env ownd", verdict: kept},
		{in: hashed + "-dep-2/sbin/depd", verdict: kept},
		{in: systemd + "/bin/renamed", verdict: kept},

		// The own output, then the others of the package, then what it refers to.
		{in: "/usr/libexec/own-helper", out: "-own-1.0/libexec/own-helper", verdict: rewritten, why: "own package own"},
		{in: "both", out: "-own-1.0/lib/own/both", verdict: rewritten, why: "own package own"},
		{in: "/usr/bin/ownd -x", out: "-own-1.0-bin/bin/ownd -x", verdict: rewritten, why: "own.bin, another output of own"},
		{in: hashed + "-own-1.0/bin/ownd", out: "-own-1.0-bin/bin/ownd", verdict: rewritten, why: "own.bin, another output of own"},
		{in: "-ownd", out: "-own-1.0-bin/bin/ownd", verdict: rewritten, why: "own.bin, another output of own"},
		{in: "/usr/lib/own/own-plugin", out: "-own-1.0-lib/libexec/own-plugin", verdict: rewritten, why: "own.lib, another output of own"},
		{in: "depctl", out: "-own-1.0-bin/bin/depctl", verdict: rewritten, why: "own.bin, another output of own"},
		{in: "/usr/sbin/depd", out: "-dep-2/bin/depd", verdict: rewritten, why: "dependency dep of own"},
		{in: "farctl", out: "-far-3/bin/farctl", verdict: rewritten, why: "indirect dependency far of own"},

		// The image's PATH: links into other prefixes become the path there,
		// by the name that the program is called by.
		{in: "/sbin/agetty -o '-p -- \\u'", out: "-util-linux-2.41-bin/bin/agetty -o '-p -- \\u'", verdict: rewritten, why: "image PATH"},
		{in: "udevadm settle", out: "-systemd-257.9/bin/udevadm settle", verdict: rewritten, why: "image PATH"},
		{in: "/usr/bin/kmod", out: "-kmod-34/bin/kmod", verdict: rewritten, why: "image PATH"},
		{in: "modprobe loop", out: "-kmod-34/bin/modprobe loop", verdict: rewritten, why: "image PATH"},
		{in: "insmod x", out: "-systemd-257.9/bin/insmod x", verdict: rewritten, why: "image PATH"},
		{in: "renamed", out: "-systemd-257.9/bin/renamed", verdict: rewritten, why: "image PATH"},
		{in: hashed + "-old-1/bin/agetty", out: "-util-linux-2.41-bin/bin/agetty", verdict: rewritten, why: "image PATH"},
		{in: "gone", verdict: missing, why: "not in the image"},
		{in: "/usr/lib/systemd/systemd-executor", verdict: missing, why: "not in the image"}, // no reference, and not a command
	} {
		t.Run(c.in, func(t *testing.T) {
			tr, o := storeRoot(t)
			const unit = hashed + "-own-1.0/lib/systemd/system/own.service"
			addFile(t, tr, "own", unit, "[Service]\nExecStart="+c.in+"\n")
			r := fix(t, tr, o)
			if len(r.Lines) != 1 || r.Lines[0].Verdict != c.verdict || r.Lines[0].Why != c.why || r.Lines[0].Package != "own" {
				t.Errorf("got %v", r.Lines)
			}
			want := c.in
			if c.out != "" {
				minus := ""
				if strings.HasPrefix(c.in, "-") {
					minus = "-"
				}
				want = minus + hashed + c.out
			}
			if got := content(t, tr, unit); got != "[Service]\nExecStart="+want+"\n" {
				t.Errorf("got %s", got)
			}
			if again := fix(t, tr, o); len(again.Changed()) > 0 {
				t.Errorf("fixing again changed %v", again.Changed())
			}
		})
	}
}

// Units have second names below systemd's prefix. Both are one file: it is
// reported once, under its package's prefix, and both names change.
func TestSecondNames(t *testing.T) {
	tr, o := storeRoot(t)
	own, second := hashed+"-own-1.0/lib/systemd/system/own.service", systemd+"/lib/systemd/system/own.service"
	const text = "[Service]\nExecStart=ownd\n"
	addFile(t, tr, "own", own, text)
	for _, p := range []string{second, systemd + "/lib/systemd/system/alias.service", systemd + "/share/doc/own.service"} {
		if err := tr.Link(p, tr.Lookup(own)); err != nil {
			t.Fatal(err)
		}
	}
	o.Prefixes = append([]string{hashed + "-own-1.0", systemd}, unitfixup.DefaultPrefixes()...)
	r := fix(t, tr, o)
	if len(r.Lines) != 2 || r.Lines[0].File != own || !slices.Equal(r.Lines[0].Aliases, []string{second}) || r.Lines[0].Package != "own" {
		t.Fatalf("got %+v", r.Lines)
	}
	if got, want := r.Changed(), []string{own, systemd + "/lib/systemd/system/alias.service", second}; !slices.Equal(got, want) {
		t.Errorf("changed %q, want %q", got, want)
	}
	fixed := "[Service]\nExecStart=" + hashed + "-own-1.0-bin/bin/ownd\n"
	for _, p := range r.Changed() {
		if got := content(t, tr, p); got != fixed {
			t.Errorf("%s is %s", p, got)
		}
		if h := tr.Lookup(p).History; len(h) != 2 || h[0].Package != "own" || h[1].Pass != "unitfixup" {
			t.Errorf("%s has history %v", p, h)
		}
	}
	if tr.Lookup(own) != tr.Lookup(second) {
		t.Error("the two names are two files now")
	}
	if got := content(t, tr, systemd+"/share/doc/own.service"); got != text {
		t.Errorf("a name that is no unit changed: %s", got)
	}
}

func TestBuildReport(t *testing.T) {
	const (
		unit   = hashed + "-own-1.0/lib/systemd/system/own.service"
		report = hashed + "-own-1.0/" + unitfixup.BuildReport
		before = "[Service]\nExecStartPre=/usr/libexec/own-helper\nExecStart=-depd <&>\n"
	)
	built, o := storeRoot(t)
	addFile(t, built, "own", unit, before)
	var text strings.Builder
	if err := fix(t, built, o).WriteBuilt(&text, hashed+"-own-1.0"); err != nil {
		t.Fatal(err)
	}
	want := `{"file":"lib/systemd/system/own.service","line":2,"section":"Service","key":"ExecStartPre","program":"/usr/libexec/own-helper","new":"` + hashed + `-own-1.0/libexec/own-helper","why":"own package own"}
{"file":"lib/systemd/system/own.service","line":3,"section":"Service","key":"ExecStart","program":"depd","new":"` + hashed + `-dep-2/bin/depd","why":"dependency dep of own","optional":true}
`
	if text.String() != want {
		t.Fatalf("got\n%s\nwant\n%s", text.String(), want)
	}
	after := content(t, built, unit)

	// In the image, the report tells of these lines; fixing changes nothing.
	tr, o := storeRoot(t)
	addFile(t, tr, "own", unit, after)
	addFile(t, tr, "own", report, want)
	r := fix(t, tr, o)
	const wantText = unit + ":2: ExecStartPre=/usr/libexec/own-helper rewritten to " + hashed + "-own-1.0/libexec/own-helper when the package was built (own package own)\n" +
		unit + ":3: ExecStart=depd rewritten to " + hashed + "-dep-2/bin/depd when the package was built (dependency dep of own)\n" +
		"0 kept, 2 rewritten, 0 missing\n2 of the rewritten when their packages were built\n"
	if got := r.Text(); got != wantText || len(r.Changed()) > 0 || content(t, tr, unit) != after {
		t.Errorf("changed %v, got\n%s\nwant\n%s", r.Changed(), got, wantText)
	}
	// A report of it is the same one.
	text.Reset()
	if err := r.WriteBuilt(&text, hashed+"-own-1.0"); err != nil || text.String() != want {
		t.Errorf("got %v\n%s", err, text.String())
	}

	// What the file no longer says, what is rewritten again and other lines
	// are not from the report.
	tr, o = storeRoot(t)
	addFile(t, tr, "own", unit, "[Service]\nExecStartPre=/bin/sh\nExecStart="+hashed+"-old-2/bin/depd\nExecStop="+hashed+"-dep-2/bin/depd\n")
	addFile(t, tr, "own", report, strings.ReplaceAll(want, "-dep-2/bin", "-old-2/bin"))
	if r := fix(t, tr, o); fmt.Sprint(r.Lines[0].Verdict, r.Lines[1].Verdict, r.Lines[2].Verdict) != "kept rewritten kept" ||
		slices.ContainsFunc(r.Lines, func(l unitfixup.Line) bool { return l.Built }) || len(r.Changed()) != 1 {
		t.Errorf("got\n%s", r.Text())
	}

	addFile(t, tr, "own", report, want+"{\n")
	if _, err := unitfixup.Fix(tr, o); err == nil || err.Error() != "read "+report+": unexpected EOF" {
		t.Errorf("got error %v", err)
	}
}

func TestStoreOutputs(t *testing.T) {
	other := "/nix/store/" + strings.Repeat("z", 32)
	got := unitfixup.StoreOutputs(map[string]string{
		"openssh": hashed + "-openssh-9.9p1", "openssh.dev": other + "-openssh-9.9p1-dev",
		"util-linux.bin": hashed + "-util-linux-2.41-bin", "util-linux.lib": hashed + "-util-linux-2.41-lib",
		"util-linux-minimal": hashed + "-util-linux-minimal-2.41-lib",
		"glibc":              hashed + "-glibc-2.40-66", "glibc.bin": hashed + "-glibc-2.40-66-bin",
		"bash": hashed + "-bash-5.2p37", "bashInteractive": hashed + "-bash-interactive-5.2p37",
		"a": hashed + "-twin-1", "b": other + "-twin-1", "twin.lib": hashed + "-twin-1-lib",
		"source": hashed + "-source", "script": hashed + "-some-script",
	})
	want := map[string][]string{
		"openssh": {"openssh.dev"}, "openssh.dev": {"openssh"},
		"util-linux.bin": {"util-linux.lib"}, "util-linux.lib": {"util-linux.bin"},
		"glibc": {"glibc.bin"}, "glibc.bin": {"glibc"},
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// In a tree that is only a part of a system, programs outside of it count.
func TestElsewhere(t *testing.T) {
	tr := tree.New()
	add(t, tr, "own", hashed+"-own-1.0/bin/ownd", hashed+"-own-1.0/bin/linked -> "+hashed+"-dep-2/bin/depd", hashed+"-own-1.0/bin/dangling -> /usr/bin/x")
	const unit = hashed + "-own-1.0/lib/systemd/system/own.service"
	addFile(t, tr, "own", unit, "[Service]\nExecStart=/usr/bin/ownd\nExecStop=linked\nExecReload=dangling\nExecStartPost="+hashed+"-dep-2/bin/depd\nExecStopPost=depctl\nExecStartPre=/usr/bin/x\n")
	there := []string{hashed + "-own-1.0/bin/linked", hashed + "-dep-2/bin/depd", "/pkgs/dep/bin/depctl"}
	r := fix(t, tr, unitfixup.Options{Path: []string{"/pkgs/none/bin", "/pkgs/dep/bin"}, Elsewhere: func(p string) bool { return slices.Contains(there, p) }})
	want := "2:/usr/bin/ownd=" + hashed + "-own-1.0/bin/ownd 3:linked=" + hashed + "-own-1.0/bin/linked 4:dangling! 5:" + hashed + "-dep-2/bin/depd 6:depctl=/pkgs/dep/bin/depctl 7:/usr/bin/x!"
	if got := verdicts(r); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
