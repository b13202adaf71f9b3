package qemu

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/qemu"
)

// staticMAC is the interface that the recipe below configures.
const staticMAC = "52:54:00:b0:ca:d1"

// manyRecipe is what hello's recipe gets for an image that serves several
// machines: settings that credentials override, and one static interface.
const manyRecipe = `
[system]
hostname = "plain"
timezone = "America/Bogota"

[[networks]]
mac       = "` + staticMAC + `"
addresses = ["10.0.2.77/24"]
gateways  = ["` + hostAddress + `"]
dns       = ["` + hostAddress + `:DNSPORT"]
domains   = ["~."]
`

var manyPackages = []string{
	"systemd-resolved", "libnss-resolve", "libnss-myhostname", "libnss-systemd", "tzdata", "kbd", "console-data", "gzip", "locales",
}

// rightPassword is root's, where it has one.
const (
	rightPassword = "correct horse"
	someKey       = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICkKx2N5UaesqKCGSN0XaGFB1HHLdT514QWVGpAuK3nT"
)

// keysOfMaria is how docs/credentials.md lets a user log in by key.
const keysOfMaria = `
d  /var/home/maria                       0700 maria maria
d  /var/home/maria/.ssh                  0700 maria maria
f^ /var/home/maria/.ssh/authorized_keys  0600 maria maria - tmpfiles.keys-of-maria
`

// credentialsQuestion asks what became of the credentials.
const credentialsQuestion = `
echo "state: $(systemctl is-system-running --wait)"
echo "failed: "$(systemctl list-units --failed --plain --no-legend)
echo "hostname: $(cat /proc/sys/kernel/hostname)"
echo "zone: $(readlink /etc/localtime) $(date +%Z)"
echo "lang: "$(systemctl show-environment)
echo "keymap: $(cat /etc/vconsole.conf)"
dumpkeys --keys-only -C /dev/tty0 | while read -r word code eq rest; do
	[ "$word $code" != "keycode 16" ] || echo "key 16: $rest"
done
echo "root: $(getent passwd root)"
echo "maria: $(getent passwd maria)"
echo "hosts: $(getent hosts seven)"
echo "motd: $(cat /etc/motd.d/*)"
echo "keys: $(stat -Lc '%a %U' /root/.ssh/authorized_keys) $(cat /root/.ssh/authorized_keys)"
echo "sysctl: $(cat /proc/sys/net/ipv4/ip_default_ttl)"
echo "her keys: $(stat -c '%a %U' /var/home/maria/.ssh/authorized_keys) $(cat /var/home/maria/.ssh/authorized_keys)"
echo "id: $(cat /etc/machine-id) $(systemd-id128 machine-id)"
echo "etc: $(findmnt -no OPTIONS /etc)"
echo "write: "$(touch /etc/x 2>&1)
echo "shadow: $(stat -c '%a %U:%G' /etc/shadow)"
echo "others: "$(setpriv --reuid=65534 --regid=65534 --clear-groups cat /etc/shadow /run/bocaditos/etc/passwd /run/credentials/@system/passwd.hashed-password.root 2>&1)
echo "units: $(systemctl show -P Result bocaditos-credentials.service) $(systemctl show -P ConditionResult systemd-sysusers.service)"
journalctl -b --no-pager -q -o cat -u bocaditos-credentials -u bocaditos-locale
`

// One verified image is two machines: one that is told who it is, and one that
// is told nonsense.
func TestCredentials(t *testing.T) {
	dns := nameServer(t)
	image := build(t, "hello", func(recipe string) string {
		recipe = regexp.MustCompile(`(?s)\[budget\].*`).ReplaceAllString(recipe, "")
		recipe = strings.Replace(recipe, "install = [\n", "install = [\n    \""+strings.Join(manyPackages, `", "`)+"\",\n", 1)
		return recipe + strings.ReplaceAll(manyRecipe, "DNSPORT", fmt.Sprint(dns))
	})
	for _, name := range []string{"passwd.hashed-password.*", "firstboot.keymap", "ssh.authorized_keys.root", "network.dns", "system.hostname"} {
		// The image has loadkeys and resolved, but no sshd.
		if got, want := slices.Contains(image.Credentials, name), name != "ssh.authorized_keys.root"; got != want {
			t.Errorf("manifest: %s among the credentials: %v", name, got)
		}
	}
	hash := strings.TrimSpace(command(t, "", "openssl", "passwd", "-6", rightPassword))
	question := strings.ReplaceAll(credentialsQuestion+networkQuestion, "GREETER", fmt.Sprint(greeter(t)))

	t.Run("given", func(t *testing.T) {
		m := image.machine(t, false)
		for name, value := range map[string]string{
			"system.hostname":              "box7",
			"firstboot.timezone":           "Asia/Tokyo",
			"firstboot.locale":             "es_CO.UTF-8",
			"firstboot.keymap":             "fr",
			"passwd.hashed-password.root":  hash,
			"passwd.shell.root":            "/bin/sh",
			"passwd.hashed-password.maria": hash,
			"sysusers.extra":               "u maria 1234 \"Maria\" /var/home/maria /bin/bash",
			"tmpfiles.extra":               keysOfMaria,
			"tmpfiles.keys-of-maria":       someKey,
			"sysctl.extra":                 "net.ipv4.ip_default_ttl=77",
			"network.hosts":                "127.0.0.1 localhost\n192.0.2.7 seven\n",
			"network.dns":                  fmt.Sprintf("%s:%d", hostAddress, dns),
			"network.search_domains":       "~.",
			"login.motd":                   "day seven",
			"login.issue":                  "this is number seven\n",
			"ssh.authorized_keys.root":     someKey,
		} {
			m.Credentials = append(m.Credentials, qemu.Credential{Name: name, Value: []byte(value)})
		}
		try := echo(&m)
		answer := ask(t, &m, question)
		g := start(t, m)
		g.expect(`this is number seven`)
		g.expect(`box7 login: `)
		g.login("root", "wrong", false)
		g.login("root", rightPassword, true)
		g.enter("id -un; exit")
		g.expect(`root\n`)
		g.expect(`box7 login: `)
		g.login("maria", rightPassword, true)
		got := g.waitAnswer(answer)
		try(g)
		t.Logf("answer:\n%s", got)
		for name, want := range map[string]string{
			"state":    `^running$`,
			"failed":   `^$`,
			"hostname": `^box7$`,
			"zone":     `^\.\./usr/share/zoneinfo/Asia/Tokyo JST$`,
			"lang":     `\bLANG=es_CO\.UTF-8\b`,
			"key 16":   `^\+?a\b`, // where a US keyboard has q
			"root":     `:/bin/sh$`,
			"maria":    `^maria:x:1234:1234:Maria:/var/home/maria:/bin/bash$`,
			"hosts":    `^192\.0\.2\.7 `,
			"motd":     `^day seven$`,
			"keys":     `^600 root ` + regexp.QuoteMeta(someKey) + `$`,
			"sysctl":   `^77$`,
			"her keys": `^600 maria ` + regexp.QuoteMeta(someKey) + `$`,
			"id":       `^([0-9a-f]{32}) [0-9a-f]{32}$`,
			"etc":      `^ro,nosuid,nodev\b`,
			"write":    `Read-only file system`,
			"shadow":   `^640 root:shadow$`,
			"units":    `^success no$`,
		} {
			if got := field(got, name); !regexp.MustCompile(want).MatchString(got) {
				t.Errorf("%s: got %q, want %s", name, got, want)
			}
		}
		if id := strings.Fields(field(got, "id")); len(id) != 2 || id[0] != id[1] {
			t.Errorf("/etc/machine-id and the machine's ID: %q", id)
		}
		if others := field(got, "others"); strings.Count(others, "Permission denied") != 3 {
			t.Errorf("others can read secrets: %s", others)
		}
		checkNetwork(t, got, "10.0.2.15/24", `^default via 10\.0\.2\.2 .*\bproto dhcp\b`)
	})

	t.Run("nonsense", func(t *testing.T) {
		m := image.machine(t, false)
		m.MAC = staticMAC
		for name, value := range map[string]string{
			"system.hostname":             "two words",
			"firstboot.timezone":          "No/Where",
			"firstboot.locale":            "xx",
			"firstboot.keymap":            "no such map",
			"passwd.hashed-password.root": "a:b\n" + hash,
			"passwd.shell.root":           "/bin/none",
			"sysusers.extra":              "nonsense\nu root 0 - /root /bin/none",
			"tmpfiles.extra":              "nonsense",
			"sysctl.extra":                "nonsense",
			"network.dns":                 "nobody",
			"network.hosts":               "\xff\xfe",
			"ssh.authorized_keys.root":    "",
		} {
			m.Credentials = append(m.Credentials, qemu.Credential{Name: name, Value: []byte(value)})
		}
		m.Network = qemu.UserNetwork
		answer := ask(t, &m, question)
		g := start(t, m)
		g.expect(`plain login: `)
		g.login("root", rightPassword, false)
		got := g.waitAnswer(answer)
		t.Logf("answer:\n%s", got)
		for name, want := range map[string]string{
			"state":    "degraded", // loadkeys says that the map is not there, and nothing else fails
			"failed":   "systemd-vconsole-setup.service loaded failed failed Virtual Console Setup",
			"hostname": "plain",
			"shadow":   "640 root:shadow",
			"units":    "success no",
		} {
			if got := field(got, name); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		checkNetwork(t, got, "10.0.2.77/24", `^default via 10\.0\.2\.2 .*\bproto static\b`)
	})
}

// login answers the console's login prompt, which has been expected, and
// waits for the shell's prompt or the refusal.
func (g *guest) login(user, password string, welcome bool) {
	g.t.Helper()
	// A message to the console or a late flush of the terminal can swallow the
	// name: then the prompt is there for ever.
	for asked := false; !asked; {
		g.enter(user)
		ctx, cancel := context.WithTimeout(g.ctx, time.Minute)
		_, err := g.Console.Expect(ctx, regexp.MustCompile(`Password: `))
		cancel()
		if asked = err == nil; !asked && g.ctx.Err() != nil {
			g.t.Fatal(err)
		}
	}
	g.enter(password)
	if welcome {
		g.expect(`[#$] $`)
		return
	}
	g.expect(`Login incorrect`)
	g.expect(`login: `)
}
