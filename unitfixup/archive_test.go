package unitfixup_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/bocaditos/bocaditos/tree"
)

// corpus are Debian packages with many units, then those whose programs such
// units run without saying so in a dependency. Names that a release does not
// have are left out by apt's own list.
var corpus = strings.Fields(`
	accountsservice acpid apache2 apparmor apt atd at autofs avahi-daemon bind9 bluez chrony colord cron cryptsetup
	cups cups-browsed dbus dbus-user-session dnsmasq docker.io e2fsprogs exim4-base exim4-daemon-light firewalld fwupd
	geoclue-2.0 haproxy ifupdown iwd keepalived libvirt-daemon-system logrotate lvm2 lxc-utils lxc man-db mariadb-server
	mdadm memcached modemmanager multipath-tools network-manager nfs-common nfs-kernel-server nginx nginx-common
	open-iscsi openssh-server openvpn packagekit pipewire pipewire-pulse plymouth podman polkitd postfix postgresql-common
	power-profiles-daemon quota redis-server rpcbind rsync rsyslog rtkit samba smartmontools strongswan-starter sysstat
	systemd systemd-container systemd-coredump systemd-journal-remote systemd-oomd systemd-resolved systemd-timesyncd
	tor udev udisks2 unattended-upgrades unbound upower util-linux wireguard-tools wireplumber wpasupplicant xfsprogs zfs-zed

	apache2-utils bash bind9-utils coreutils dash dbus-bin dbus-daemon dmsetup dpkg findutils grep init-system-helpers
	iproute2 kmod libvirt-daemon login mariadb-server-core mount passwd pipewire-bin procps redis-tools samba-common
	samba-common-bin sed util-linux-extra winbind`)

// A pkg is one package of the corpus.
type pkg struct {
	name, version string
	depends       []string
	tar           string // its files, emptied but for units and D-Bus services
}

// packages returns the corpus as a release has it. Downloads go to the user's
// cache, so that only the first run needs the network.
func packages(t testing.TB, release string) []pkg {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "bocaditos-test", "unitfixup", release)
	lock(t, dir)
	if *update {
		if err := os.RemoveAll(filepath.Join(dir, "complete")); err != nil {
			t.Fatal(err)
		}
	}
	complete, err := os.ReadFile(filepath.Join(dir, "complete"))
	if err != nil || string(complete) != strings.Join(corpus, " ") {
		download(t, dir, release)
		if err := os.WriteFile(filepath.Join(dir, "complete"), []byte(strings.Join(corpus, " ")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	controls, err := filepath.Glob(filepath.Join(dir, "pkg", "*.control"))
	if err != nil {
		t.Fatal(err)
	}
	var out []pkg
	for _, file := range controls {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p := pkg{tar: strings.TrimSuffix(file, ".control") + ".tar"}
		for line := range strings.Lines(string(b)) {
			switch key, value, _ := strings.Cut(strings.TrimSpace(line), ": "); key {
			case "Package":
				p.name = value
			case "Version":
				p.version = value
			case "Depends", "Pre-Depends":
				for dep := range strings.SplitSeq(value, ",") {
					name := strings.Fields(dep)[0] // the first alternative
					name, _, _ = strings.Cut(name, ":")
					p.depends = append(p.depends, name)
				}
			}
		}
		out = append(out, p)
	}
	if len(out) < 60 {
		t.Fatalf("only %d packages in %s: remove the directory to download them again", len(out), dir)
	}
	return out
}

// lock keeps test binaries that run at the same time out of one directory.
func lock(t testing.TB, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
}

// download fills dir/pkg with the current packages of a release, fetched by
// the host's apt with a configuration of its own.
func download(t testing.TB, dir, release string) {
	t.Helper()
	env := aptConfig(t, t.TempDir(), release)
	run(t, "", env, "apt-get", "update")
	exists := map[string]bool{}
	for _, name := range strings.Fields(run(t, "", env, "apt-cache", "pkgnames")) {
		exists[name] = true
	}
	args := []string{"download"}
	for _, name := range corpus {
		if exists[name] {
			args = append(args, name)
		}
	}
	debs := t.TempDir()
	run(t, debs, env, "apt-get", args...)
	out := filepath.Join(dir, "pkg")
	if err := os.RemoveAll(out); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(debs, "*.deb"))
	for _, deb := range files {
		unpack(t, deb, out)
	}
}

var origins = regexp.MustCompile(`(?m)^Debian\t(\S+)\t(\S+)\t\S*main$`)

// aptConfig writes a private apt configuration for a release of the archive
// that the host uses, and returns the environment that selects it.
func aptConfig(t testing.TB, dir, release string) []string {
	t.Helper()
	targets := run(t, "", nil, "apt-get", "indextargets", "--format", "$(ORIGIN)\t$(CODENAME)\t$(SITE)\t$(COMPONENT)", "Created-By: Packages")
	site := ""
	for _, m := range origins.FindAllStringSubmatch(targets, -1) {
		if !strings.Contains(m[1], "-") { // not -updates, -security, …
			site = m[2]
		}
	}
	if site == "" {
		t.Fatalf("the host's apt knows no archive of Debian (run apt-get update?):\n%s", targets)
	}
	for _, sub := range []string{"state/lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, content string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("status", "")
	write("etc/sources.list", fmt.Sprintf("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n", site, release))
	conf := write("conf", fmt.Sprintf(`
		Dir "%[1]s";
		Dir::State "%[1]s/state";
		Dir::State::status "%[1]s/status";
		Dir::Cache "%[1]s/cache";
		Dir::Etc "%[1]s/etc";
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		`, dir))
	return []string{"APT_CONFIG=" + conf}
}

func run(t testing.TB, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), append(env, "LC_ALL=C")...)
	var msg bytes.Buffer
	cmd.Stderr = &msg
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, args[0], err, &msg)
	}
	return string(out)
}

// unpack keeps what the tests need of a package: its control fields, and its
// tree without the content of other files than units.
func unpack(t testing.TB, deb, out string) {
	t.Helper()
	name, _, _ := strings.Cut(filepath.Base(deb), "_")
	control := run(t, "", nil, "dpkg-deb", "-f", deb, "Package", "Version", "Pre-Depends", "Depends")
	whole := filepath.Join(t.TempDir(), "whole.tar")
	f, err := os.Create(whole)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command("dpkg-deb", "--fsys-tarfile", deb)
	cmd.Stdout = f
	if err := cmd.Run(); err != nil {
		t.Fatalf("dpkg-deb --fsys-tarfile %s: %v", deb, err)
	}
	tr, err := tree.ReadTar(whole, "", tree.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	err = tr.Walk(func(p string, n *tree.Node) error {
		if dir := path.Dir(p); n.Type == tree.File && !strings.Contains(dir, "/systemd/") && !strings.Contains(dir, "/dbus-1/") {
			n.Content = tree.String("")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	small, err := os.Create(filepath.Join(out, name+".tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	if err := tr.WriteTar(small); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(whole); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(out, name+".control"), []byte(control), 0o644); err != nil {
		t.Fatal(err)
	}
}
