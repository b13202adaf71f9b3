package qemu

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/qemu"
)

// host is where QEMU's user network has the machine that runs the tests.
const host = "10.0.2.2"

// services asks each package's service for what it is there for. @TRUSTED@ is
// the port of a server on the host with a certificate of an authority that the
// recipe adds, @UNKNOWN@ of one with another authority's.
const services = `
echo "state: $(systemctl is-system-running --wait)"
echo "failed: $(systemctl list-units --failed --plain --no-legend)"
/usr/lib/systemd/systemd-networkd-wait-online

# redis: keeps what it is told over a restart.
echo "redis set: $(redis-cli set snack churro)"
systemctl restart redis-server.service
echo "redis get: $(redis-cli get snack)"
echo "redis file: $(stat -c '%U:%G' /var/lib/redis/dump.rdb)"
echo "redis conf: $(stat -c '%U:%G %a' /etc/redis/redis.conf)"

# D-Bus: the broker is the bus, and what dbus-daemon's script would have made is there.
echo "bus is: $(systemctl show -P Id dbus.service) $(systemctl show -P ActiveState dbus.socket)"
echo "bus answers: $(busctl call org.freedesktop.DBus / org.freedesktop.DBus NameHasOwner s org.freedesktop.systemd1)"
echo "bus helper: $(stat -c '%U:%G %a' /usr/lib/dbus-1.0/dbus-daemon-launch-helper)"

# chrony: answers, is not root, has its state directory to itself.
echo "chrony: $(chronyc -n tracking | busybox grep -c 'Leap status')"
echo "chrony user: $(stat -c %U /proc/$(systemctl show -P MainPID chrony.service))"
echo "chrony state: $(stat -c '%U:%G %a' /var/lib/chrony)"
echo "chrony keys: $(stat -c '%U:%G %a' /etc/chrony/chrony.keys)"
echo "timesyncd: $(systemctl show -P LoadState systemd-timesyncd.service)"

# resolved: everybody's resolv.conf leads to it, and it answers there.
echo "resolv.conf: $(readlink /etc/resolv.conf)"
echo "resolved: $(busybox nslookup -type=a _gateway | busybox grep -c '^Address: 10.0.2.2')"

# sudo: members of the group sudo only, with their password.
as() { user=$1; shift; setpriv --reuid=$user --regid=$user --init-groups -- "$@" 2>&1; }
echo "sudo ana: $(echo 'con chocolate' | as ana sudo -S -p '' id -un)"
echo "sudo ana, wrong password: $(echo 'con leche' | as ana sudo -S -p '' id -un | tail -n 1)"
echo "sudo bob: $(echo 'con chocolate' | as bob sudo -S -p '' id -un)"
echo "sudoers: $(stat -c '%U:%G %a' /etc/sudoers)"

# ca-certificates: the bundle, and OpenSSL's links by hash.
echo "bundle, trusted: $(curl -sS https://` + host + `:@TRUSTED@/)"
echo "bundle, unknown: $(curl -sS https://` + host + `:@UNKNOWN@/ 2>&1)"
connect() { openssl s_client -no-CAfile -no-CAstore -CApath /etc/ssl/certs -verify_return_error -brief -connect ` + host + `:$1 </dev/null 2>&1; }
echo "links, trusted: $(connect @TRUSTED@ | busybox grep Verification)"
echo "links, unknown: $(connect @UNKNOWN@ | busybox grep 'verify error')"
echo "links, packaged: $(openssl verify -no_check_time -no-CAfile -no-CAstore -CApath /etc/ssl/certs /usr/share/ca-certificates/mozilla/*.crt 2>&1 | busybox grep -v ': OK$' | head -n 3)"

# nftables: the recipe's rules are loaded, and do something.
redis-cli ping >/dev/null
echo "nftables counts: $(nft list table inet recipe | busybox grep -c 'counter packets [1-9].*asked redis')"
echo "nftables rejects: $(redis-cli -p 6380 ping 2>&1)"
iptables -A OUTPUT -p tcp --dport 9 -j DROP
echo "iptables: $(nft list table ip filter | busybox grep -c 'dport 9 ')"

# avahi: answers for this machine and its services.
echo "avahi host: $(avahi-resolve -4 -n "$(cat /proc/sys/kernel/hostname).local" 2>&1)"
echo "avahi service: $(avahi-browse -rpt _bocaditos._tcp | busybox grep -c '^=.*;IPv4;recipe;.*;4711;')"

# podman: an image, a container of it, its network, its limits.
mkdir -p /run/content/bin
cp /usr/bin/busybox /run/content/bin/
echo "podman import: $(busybox tar -C /run/content -c . | podman import -q - localhost/box | busybox grep -c '^sha256:')"
echo "podman run: $(podman run --rm --memory 64m localhost/box /bin/busybox sh -c 'echo $(/bin/busybox id -u) $(/bin/busybox cat /sys/fs/cgroup/memory.max) $(/bin/busybox wget -q -O - http://` + host + `:@PLAIN@/)')"
echo "podman store: $(podman info -f '{{.Store.GraphRoot}} {{.Store.GraphDriverName}} {{.Host.CgroupsVersion}} {{.Host.NetworkBackend}}')"
podman network create kept >/dev/null
echo "podman networks: $(podman network ls -q | sort | tr '\n' ' ')"

# mosquitto: keeps a message over a restart.
mosquitto_pub -r -t tapas -m olives
systemctl restart mosquitto.service
echo "mosquitto: $(mosquitto_sub -t tapas -C 1 -W 60 2>&1)"
echo "mosquitto state: $(stat -c '%U:%G %a' /var/lib/mosquitto)"

# rsyslog: writes what it is sent, for the group adm to read.
logger -p user.notice "a message for rsyslog"
n=0; until busybox grep -qs 'a message for rsyslog' /var/log/user.log || [ $n -ge 60 ]; do sleep 1; n=$((n+1)); done
echo "rsyslog: $(busybox grep -c 'a message for rsyslog' /var/log/user.log)"
echo "rsyslog file: $(stat -c '%U:%G %a' /var/log/user.log)"
echo "rsyslog spool: $(stat -c '%U:%G %a' /var/spool/rsyslog)"

# cron: the recipe's job, as root.
n=0; until [ -s /run/cron-ran ] || [ $n -ge 120 ]; do sleep 1; n=$((n+1)); done
echo "cron: $(cat /run/cron-ran)"
echo "crontab: $(stat -c '%U:%G %a' /usr/bin/crontab) $(stat -c '%U:%G %a' /var/spool/cron/crontabs)"
echo 'MAILTO=""' | as ana crontab -
echo "crontab ana: $(crontab -u ana -l)"

echo "restarts: $(systemctl show -P NRestarts '*.service' | busybox grep -c '^[1-9]')"
echo "failed at the end: $(systemctl list-units --failed --plain --no-legend)"
journalctl -b -p warning --no-pager -o short-monotonic | busybox grep -v ' kernel: '
`

func TestPackages(t *testing.T) {
	trusted, unknown := newAuthority(t, "Bocaditos test authority"), newAuthority(t, "Somebody else's authority")
	hello := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }
	b := buildIn(t, "testdata/packages", func(recipe string) string {
		return recipe + "\n[[files]]\npath = \"/usr/local/share/ca-certificates/test authority.crt\"\ncontent = '''\n" + trusted.pem + "'''\n"
	})
	m := b.machine(t, false)
	m.Memory, m.Network = 2<<30, qemu.UserNetwork
	m.Credentials = append(m.Credentials, qemu.Credential{Name: "system.hostname", Value: []byte("tapas")})
	answer := ask(t, &m, strings.NewReplacer(
		"@TRUSTED@", serveTLS(t, trusted, hello), "@UNKNOWN@", serveTLS(t, unknown, hello), "@PLAIN@", serve(t, hello),
	).Replace(services))
	g := start(t, m)
	got := g.waitAnswer(answer)
	t.Logf("answer:\n%s", got)
	for name, want := range map[string]string{
		"state":             `running`,
		"failed":            ``,
		"failed at the end": ``,
		"restarts":          `0`,

		"redis set":  `OK`,
		"redis get":  `churro`,
		"redis file": `redis:redis`,
		"redis conf": `root:redis 640`,

		"bus is":      `dbus-broker\.service active`,
		"bus answers": `b true`,
		"bus helper":  `root:messagebus 4754`,

		"chrony":       `1`,
		"chrony user":  `_chrony`,
		"chrony state": `_chrony:_chrony 750`,
		"chrony keys":  `root:_chrony 640`,
		"timesyncd":    `not-found`,

		"resolv.conf": `\.\./run/systemd/resolve/stub-resolv\.conf`,
		"resolved":    `1`,

		"sudo ana":                 `root`,
		"sudo ana, wrong password": `sudo: 1 incorrect password attempt`,
		"sudo bob":                 `bob is not in the sudoers file.*`,
		"sudoers":                  `root:root 440`,

		"bundle, trusted": `hello`,
		"bundle, unknown": `curl: \(60\) .*`,
		"links, trusted":  `Verification: OK`,
		"links, unknown":  `verify error:.*`,
		"links, packaged": ``,

		"nftables counts":  `1`,
		"nftables rejects": `Could not connect to Redis at 127\.0\.0\.1:6380: Connection refused`,
		"iptables":         `1`,

		"avahi host":    `tapas\.local\s+10\.0\.2\.15`,
		"avahi service": `[1-9]\d*`,

		"podman import":   `1`,
		"podman run":      `0 67108864 hello`,
		"podman store":    `/var/lib/containers/storage overlay v2 netavark`,
		"podman networks": `kept podman`,

		"mosquitto":       `olives`,
		"mosquitto state": `mosquitto:mosquitto 750`,

		"rsyslog":       `1`,
		"rsyslog file":  `root:adm 640`,
		"rsyslog spool": `root:root 700`,

		"cron":        `root`,
		"crontab":     `root:crontab 2755 root:crontab 1730`,
		"crontab ana": `MAILTO=""`,
	} {
		if got := field(got, name); !regexp.MustCompile(`^(` + want + `)$`).MatchString(got) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// An authority issues certificates for the host.
type authority struct {
	tls.Certificate
	pem string
}

func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return authority{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, string(text)}
}

// serve answers HTTP on the host and returns the port.
func serve(t *testing.T, h http.HandlerFunc) string { return listen(t, h, nil) }

// serveTLS is serve with a certificate that the authority has issued.
func serveTLS(t *testing.T, a authority, h http.HandlerFunc) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, IPAddresses: []net.IP{net.ParseIP(host)},
		NotBefore: a.Leaf.NotBefore, NotAfter: a.Leaf.NotAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Leaf, key.Public(), a.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return listen(t, h, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
}

func listen(t *testing.T, h http.HandlerFunc, config *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // which QEMU's user network gives guests as host
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}, TLS: config}
	if config != nil {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// unasked asks what is there where no service was asked for, and how
// dbus-daemon does where there is no broker.
const unasked = `
echo "state: $(systemctl is-system-running --wait)"
echo "failed: $(systemctl list-units --failed --plain --no-legend)"
echo "bus is: $(systemctl show -P Id dbus.service) $(systemctl show -P ActiveState dbus.socket)"
echo "bus answers: $(busctl call org.freedesktop.DBus / org.freedesktop.DBus NameHasOwner s org.freedesktop.systemd1)"
/usr/lib/systemd/systemd-networkd-wait-online
echo "address: $(ip -4 -o address show dev enp0s3 | busybox grep -c 10.0.2.15)"
ss -H -tuln -Op
ss -H -l --vsock -Op
systemctl list-unit-files --state=enabled --no-legend --plain | while read -r unit _; do echo "enabled $unit"; done
`

// With everything installed and nothing enabled, nothing listens, and what is
// on all the same is in docs/units.md.
func TestNothingUnasked(t *testing.T) {
	b := buildIn(t, "testdata/packages", func(recipe string) string {
		before, rest, _ := strings.Cut(recipe, "[units]")
		_, after, _ := strings.Cut(rest, "[root]")
		return strings.Replace(before, `"dbus-broker",`, "", 1) + "[root]" + after
	})
	m := b.machine(t, false)
	m.Network = qemu.UserNetwork
	answer := ask(t, &m, unasked)
	got := start(t, m).waitAnswer(answer)
	t.Logf("answer:\n%s", got)
	for name, want := range map[string]string{
		"state": "running", "failed": "", "bus is": "dbus.service active", "bus answers": "b true", "address": "1",
	} {
		if got := field(got, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	units, err := os.ReadFile("../../docs/units.md")
	if err != nil {
		t.Fatal(err)
	}
	stub, enabled := 0, 0
	for line := range strings.Lines(got) {
		f := strings.Fields(line)
		switch {
		case len(f) >= 5 && (f[0] == "tcp" || f[0] == "udp" || strings.HasPrefix(f[0], "v_")):
			address, port, _ := strings.Cut(f[4], ":")
			dhcp := f[0] == "udp" && port == "68" // of a client, for answers to what it asked
			if strings.HasPrefix(address, "127.") {
				stub++
			} else if !dhcp {
				t.Errorf("listens: %s", line)
			}
		case len(f) == 2 && f[0] == "enabled":
			enabled++
			if !strings.Contains(string(units), "`"+f[1]+"`") {
				t.Errorf("%s is enabled, and not in docs/units.md", f[1])
			}
		}
	}
	if stub == 0 || enabled == 0 {
		t.Errorf("ss told of %d sockets of the resolver's stub, systemctl of %d units", stub, enabled)
	}
}
