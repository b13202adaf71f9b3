package qemu

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/qemu"
)

// hostAddress is the host as a guest of QEMU's user network sees it: what
// listens on the host's loopback answers there.
const hostAddress = "10.0.2.2"

// webName is what nameServer knows.
const webName = "web.bocaditos.test"

// nameServer answers DNS queries (RFC 1035) over UDP on the loopback: webName
// is the host, and there is no other name. It returns its port.
func nameServer(t *testing.T) int {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		query := make([]byte, 1500)
		for {
			n, from, err := c.ReadFromUDP(query)
			if err != nil {
				return
			}
			if answer := dnsAnswer(query[:n]); answer != nil {
				c.WriteToUDP(answer, from)
			}
		}
	}()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// dnsAnswer is the answer to the first question of a query, without any
// extension the query may have asked for.
func dnsAnswer(query []byte) []byte {
	const header, typeA = 12, 1
	var labels []string
	at := header
	for at < len(query) && query[at] != 0 {
		end := at + 1 + int(query[at])
		if end >= len(query) {
			return nil
		}
		labels = append(labels, string(query[at+1:end]))
		at = end
	}
	at += 1 + 4 // the root, type and class
	if at > len(query) {
		return nil
	}
	answer := append([]byte{}, query[:2]...)
	flags, count := uint16(0x8183), uint16(0) // no such name
	known := strings.EqualFold(strings.Join(labels, "."), webName)
	if known {
		flags = 0x8180
	}
	if known && binary.BigEndian.Uint16(query[at-4:]) == typeA {
		count = 1
	}
	for _, v := range []uint16{flags, 1, count, 0, 0} {
		answer = binary.BigEndian.AppendUint16(answer, v)
	}
	answer = append(answer, query[header:at]...)
	if count == 1 {
		answer = append(answer, 0xc0, header, 0, typeA, 0, 1, 0, 0, 0, 60, 0, 4)
		answer = append(answer, net.ParseIP(hostAddress).To4()...)
	}
	return answer
}

// greeter greets whoever connects to it. It returns its port on the loopback.
func greeter(t *testing.T) int {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "hello from the host\n")
			c.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// echo adds a service to the machine that sends back what comes in, and
// returns how to try it once the machine runs.
func echo(m *qemu.Machine) (try func(g *guest)) {
	const port = 7007
	m.Network = qemu.UserNetwork
	m.Forwards = append(m.Forwards, qemu.Forward{GuestPort: port})
	m.Credentials = append(m.Credentials,
		qemu.Credential{Name: "systemd.extra-unit.echo.socket", Value: fmt.Appendf(nil, "[Socket]\nListenStream=%d\nAccept=yes\n", port)},
		qemu.Credential{Name: "systemd.extra-unit.echo@.service", Value: []byte("[Service]\nExecStart=/bin/cat\nStandardInput=socket\n")},
		qemu.Credential{Name: "systemd.unit-dropin.sockets.target", Value: []byte("[Unit]\nWants=echo.socket\n")},
	)
	return func(g *guest) {
		g.t.Helper()
		f := g.Forwards[0]
		c, err := (&net.Dialer{}).DialContext(g.ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", f.HostPort))
		if err != nil {
			g.t.Fatal(err)
		}
		defer c.Close()
		deadline, _ := g.ctx.Deadline()
		c.SetDeadline(deadline)
		const text = "hello from outside\n"
		got := make([]byte, len(text))
		if _, err := io.WriteString(c, text); err != nil {
			g.t.Error(err)
		}
		if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
			g.t.Errorf("the guest sent back %q, %v", got, err)
		}
	}
}

// networkQuestion asks a guest how it is connected. GREETER is a port of the
// host.
const networkQuestion = `
echo "online: $(/usr/lib/systemd/systemd-networkd-wait-online --timeout=120 2>&1; echo $?)"
echo "addresses: "$(ip -4 -o address show scope global)
echo "route: $(ip -4 route show default)"
echo "resolved: $(resolvectl query --legend=no --type=A ` + webName + ` 2>&1)"
echo "nss: $(getent ahostsv4 ` + webName + `)"
echo "unknown: $(getent ahostsv4 nothing.bocaditos.test; echo $?)"
echo "resolv.conf: $(cat /etc/resolv.conf)"
echo "own name: $(getent ahosts "$(cat /proc/sys/kernel/hostname)")"
echo "gateway: $(getent ahostsv4 _gateway)"
echo "host: $(bash -c 'cat < /dev/tcp/` + webName + `/GREETER' 2>&1)"
echo "networkd complains: "$(journalctl -b --no-pager -q -o cat -p warning -u systemd-networkd)
echo "restarts: $(systemctl show -P NRestarts systemd-resolved.service)"
`

// checkNetwork judges the answer to networkQuestion.
func checkNetwork(t *testing.T, answer, address, route string) {
	t.Helper()
	for name, want := range map[string]string{
		"online":             `^0$`,
		"addresses":          ` inet ` + regexp.QuoteMeta(address) + ` `,
		"route":              route,
		"resolved":           webName + ` IN A ` + regexp.QuoteMeta(hostAddress),
		"nss":                `^` + regexp.QuoteMeta(hostAddress) + ` `,
		"unknown":            `^2$`,
		"own name":           `^\S+ +STREAM `,
		"gateway":            `^` + regexp.QuoteMeta(hostAddress) + ` `,
		"host":               `^hello from the host$`,
		"networkd complains": `^$`,
		"restarts":           `^0$`,
	} {
		if got := field(answer, name); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s: got %q, want %s", name, got, want)
		}
	}
	if !strings.Contains(answer, "\nnameserver 127.0.0.53\n") {
		t.Error("/etc/resolv.conf does not name resolved's stub")
	}
	if n := strings.Count(field(answer, "addresses"), "inet "); n != 1 {
		t.Errorf("the interface has %d addresses", n)
	}
}

// The name server of these tests is right itself.
func TestNameServer(t *testing.T) {
	r := net.Resolver{PreferGo: true}
	port := nameServer(t)
	r.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: time.Minute}).DialContext(ctx, "udp4", fmt.Sprintf("127.0.0.1:%d", port))
	}
	got, err := r.LookupHost(t.Context(), webName+".")
	if err != nil || len(got) != 1 || got[0] != hostAddress {
		t.Errorf("%s is %q, %v", webName, got, err)
	}
	if got, err := r.LookupHost(t.Context(), "nothing.bocaditos.test."); err == nil {
		t.Errorf("an unknown name is %q", got)
	}
}
