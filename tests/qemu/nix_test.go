package qemu

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/nixtest"
	"github.com/bocaditos/bocaditos/pkgs"
)

// servers is what the test adds to the example: people and services.
const servers = `
[units]
enable = ["nginx.service", "probe.service", "sshd.service"]

[[users]]
name = "zoe"
uid = 1000
password_hash = "HASH"
groups = ["wheel"]
`

// nixQuestion asks a system without /usr whether all of it works. What fails
// here would fail because a path was assumed.
const nixQuestion = `
run() { systemd-run --quiet --collect --wait --pipe "$@" 2>&1; }
echo "root: $(cd /; echo *)"
echo "usr: $(cd /usr; echo * */*)"
echo "bin: $(cd /bin; echo *)"
echo "path: $PATH"
echo "manager: $(systemctl show-environment | grep ^PATH=)"
P=${PATH%/bin}
echo "units: $(systemd-analyze unit-paths | tr '\n' ' ')"
echo "loaded: $(systemctl show -p FragmentPath --value nginx.service sshd.service | tr '\n' ' ')"
echo "rule: $(udevadm info /dev/ttyS0 | grep -c PROBE=rule)"
echo "generator: $(systemctl is-active probe-made.service) $(cat /run/probe)"
echo "unit: $(systemctl is-active probe.service) $(cat /run/probe-started)"
echo "users: $(getent passwd root zoe nobody sshd | cut -d: -f1,3 | tr '\n' ' ')"
echo "dynamic: $(run -p DynamicUser=yes -p ProtectSystem=strict -p StateDirectory=x sh -c 'getent passwd $(id -u) | cut -d: -f3 | tr 0-9 N; echo kept >/var/lib/x/y && cat /var/lib/x/y' | tr '\n' ' ')"
for how in yes full strict; do
    echo "protect $how: $(run -p ProtectSystem=$how -p ProtectHome=yes sh -c "findmnt -no VFS-OPTIONS --target $P; touch $P/x /nix/store/x" | tr '\n' ' ')"
done
echo "resolved: $(getent hosts localhost | head -n 1)"
echo "keys: $(loadkeys -q -C /dev/tty0 us && echo us) $(dumpkeys -C /dev/tty0 2>/dev/null | head -n 1 | cut -c1-7)"
echo "zone: $(date +%Z) $(readlink /etc/localtime)"
echo "service: $(getent services ssh)"
echo "nginx: $(exec 3<>/dev/tcp/127.0.0.1/80; printf 'GET / HTTP/1.0\r\n\r\n' >&3; head -n 1 <&3)"
echo "ssh: $(exec 3<>/dev/tcp/127.0.0.1/22; head -n 1 <&3)"
echo "modules: $(modprobe loop && lsmod | grep -c ^loop)"
echo "bus: $(busctl --no-pager list 2>/dev/null | grep -c ^org.freedesktop.hostname1)"
echo "hostname: $(hostnamectl --json=short | grep -c '"OperatingSystemPrettyName":"Bocaditos')"

# Which files do those open that look for vendor configuration?
trace() { strace -f -qq -e trace=%file -o /run/trace.$1 "$@" >/dev/null 2>&1; }
trace systemd-tmpfiles --create --boot --dry-run
trace systemd-sysusers --dry-run
mkdir /run/pid1
strace -f -qq -e trace=%file -o /run/trace.systemd -p 1 &
strace -f -qq -e trace=%file -o /run/trace.udevd -p $(systemctl show -p MainPID --value systemd-udevd) &
sleep 3
systemctl daemon-reload
udevadm control --reload
udevadm trigger --settle
kill %1 %2
wait
for t in /run/trace.*; do
    echo "trace of ${t#*.}: $(grep -c "\"$P/lib/" $t) own, $(grep -o '"/usr[^"]*"' $t | sort -u | tr '\n' ' ')"
done
`

func nixRecipe(t *testing.T, set nixtest.Set, recipe string) string {
	t.Helper()
	hash := strings.TrimSpace(command(t, "", "openssl", "passwd", "-6", "right"))
	overlay, err := filepath.Abs("testdata/nix/overlay.nix")
	if err != nil {
		t.Fatal(err)
	}
	recipe = strings.Replace(recipe, `nixpkgs = "<nixpkgs>"`, `overlays = ["`+overlay+`"]`+"\n"+`nixpkgs = "`+set.Path+`"`, 1)
	recipe = strings.Replace(recipe, "install = [", `install = ["getent", "nginx", "openssh", "probe", "strace", `, 1)
	return recipe + strings.ReplaceAll(servers, "HASH", hash)
}

// A system of packages with a prefix of their own each: it boots, without /usr,
// and what looks for a path finds the right one.
func TestNix(t *testing.T) {
	const P = `/nix/store/[a-z0-9]+-systemd-[0-9.]+`
	set := nixtest.PackageSet(t)
	b := build(t, "nix", func(recipe string) string { return nixRecipe(t, set, recipe) })
	m := b.machine(t, false)
	answer := ask(t, &m, "state=$(systemctl is-system-running --wait)\n"+journal+"echo \"state: $state\"\n"+nixQuestion)
	g := start(t, m)
	g.expect(`login: `)
	got := g.waitAnswer(answer)
	t.Logf("answer:\n%s", withoutJournal(got))
	quiet(t, got)
	g.enter("zoe")
	g.expect("(?i)password: ")
	g.enter("wrong")
	g.expect("Login incorrect")
	g.expect("login: ")
	g.enter("zoe")
	g.expect("(?i)password: ")
	g.enter("right")
	g.expect(`\$ $`)
	if out := g.run("id -un; type -P ls systemctl"); !regexp.MustCompile(`^zoe\s+(` + P + `/bin/(ls|systemctl)\s+){2}status 0$`).MatchString(out) {
		t.Errorf("zoe's shell: %q", out)
	}
	for name, want := range map[string]string{
		"state":                     "running",
		"root":                      "bin boot dev efi etc home mnt nix proc root run srv sys tmp usr var",
		"usr":                       "bin bin/env",
		"bin":                       "sh",
		"path":                      P + "/bin",
		"manager":                   "PATH=" + P + "/bin",
		"units":                     `((/etc|/run)/systemd\S+ )+` + P + `/lib/systemd/system (/run/systemd\S+)?`,
		"loaded":                    P + `/lib/systemd/system/nginx.service  ` + P + `/lib/systemd/system/sshd.service`,
		"rule":                      "1",
		"generator":                 "active made",
		"unit":                      "active started",
		"users":                     "root:0 zoe:1000 nobody:65534 sshd:[0-9]+",
		"dynamic":                   "NNNNN kept",
		"protect yes":               `ro\S* touch: .*x': Read-only file system touch: .*x': Read-only file system`,
		"protect full":              `ro\S* touch: .*x': Read-only file system touch: .*x': Read-only file system`,
		"protect strict":            `ro\S* touch: .*x': Read-only file system touch: .*x': Read-only file system`,
		"resolved":                  `(::1|127.0.0.1)\s+localhost.*`,
		"keys":                      "us keymaps",
		"zone":                      "CET .*/Europe/Vienna",
		"service":                   `ssh\s+22/tcp`,
		"nginx":                     `HTTP/1.1 200 OK`,
		"modules":                   "1",
		"ssh":                       "SSH-2.0-OpenSSH_.*",
		"bus":                       "1",
		"hostname":                  "1",
		"trace of systemd":          `[1-9]\d* own,`,
		"trace of systemd-tmpfiles": `[1-9]\d* own,`,
		"trace of systemd-sysusers": `[1-9]\d* own,`,
		"trace of udevd":            `[1-9]\d* own,`,
	} {
		if value := field(got, name); !regexp.MustCompile("^(" + want + ")$").MatchString(value) {
			t.Errorf("%s: got %q, want %q", name, value, want)
		}
	}
}

// withoutNix runs a script where there is no Nix: its programs and its store are
// covered up, in a mount namespace.
const withoutNix = `
set -e
mount -t tmpfs none /nix
for program in /usr/bin/nix*; do
    mount --bind /dev/null "$program"
done
! nix --version 2>/dev/null
`

// From the lock alone, a machine without Nix makes the same image: out of a
// directory, and out of a server, each a cache made by Nix itself.
func TestNixWithoutNix(t *testing.T) {
	set := nixtest.PackageSet(t)
	b := build(t, "nix", func(recipe string) string { return nixRecipe(t, set, recipe) })
	dir := filepath.Dir(filepath.Dir(b.dir))
	cache := filepath.Join(t.TempDir(), "cache")
	key := filepath.Join(t.TempDir(), "key")
	public := filepath.Join(t.TempDir(), "key.pub")
	command(t, "", "nix-store", "--generate-binary-cache-key", "cache.example.org-1", key, public)
	args := []string{"copy", "--to", "file://" + cache + "?compression=zstd&secret-key=" + key}
	for _, p := range locked(t, dir) {
		args = append(args, p.Path)
	}
	command(t, "", "nix", args...)
	trusted, err := os.ReadFile(public)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(cache)))
	defer server.Close()
	recipe, err := os.ReadFile(filepath.Join(dir, "image.toml"))
	if err != nil {
		t.Fatal(err)
	}
	lock, err := os.ReadFile(filepath.Join(dir, "image.lock"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(b.dir, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	for name, address := range map[string]string{"directory": cache, "server": server.URL} {
		t.Run(name, func(t *testing.T) {
			there := t.TempDir()
			text := strings.Replace(string(recipe), "nixpkgs = ", "caches = [\""+address+"\"]\ntrusted_keys = [\""+strings.TrimSpace(string(trusted))+"\"]\nnixpkgs = ", 1)
			for name, data := range map[string][]byte{"image.toml": []byte(text), "image.lock": lock} {
				if err := os.WriteFile(filepath.Join(there, name), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			out := command(t, there, "unshare", "--mount", "sh", "-c", withoutNix+tool+" build --locked --cache "+t.TempDir())
			got, err := os.ReadFile(filepath.Join(there, "out/nix_1/SHA256SUMS"))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("another image:\n%s\nwant:\n%s\nbuild:\n%s", got, want, out)
			}
		})
	}
}

func locked(t *testing.T, dir string) []pkgs.Locked {
	t.Helper()
	lock, err := pkgs.ReadLock(filepath.Join(dir, "image.lock"))
	if err != nil {
		t.Fatal(err)
	}
	return lock.Packages
}
