package qemu

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
)

// Forward makes a port of the guest reachable on the host. QEMU sends it to
// the address that its DHCP gives: a guest with another one is not reached.
type Forward struct {
	Proto     string     // tcp or udp; empty: tcp
	HostAddr  netip.Addr // IPv4; the zero Addr: 127.0.0.1
	HostPort  uint16     // 0: a free one, see Running.Forwards
	GuestPort uint16
}

func (f Forward) proto() string {
	if f.Proto == "" {
		return "tcp"
	}
	return f.Proto
}

func (f Forward) addr() netip.Addr {
	if !f.HostAddr.IsValid() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return f.HostAddr
}

// ParseForward reads [HOSTADDR:]HOSTPORT:GUESTPORT[/PROTO], such as 8080:80,
// 0.0.0.0:8080:80 or 5353:53/udp.
func ParseForward(s string) (Forward, error) {
	bad := fmt.Errorf("port forward %q is not [HOSTADDR:]HOSTPORT:GUESTPORT[/PROTO]", s)
	ports, proto, _ := strings.Cut(s, "/")
	parts := strings.Split(ports, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return Forward{}, bad
	}
	guest, err1 := strconv.ParseUint(parts[len(parts)-1], 10, 16)
	host, err2 := strconv.ParseUint(parts[len(parts)-2], 10, 16)
	if err1 != nil || err2 != nil {
		return Forward{}, bad
	}
	f := Forward{Proto: proto, HostPort: uint16(host), GuestPort: uint16(guest)}
	if len(parts) == 3 {
		if f.HostAddr, err1 = netip.ParseAddr(parts[0]); err1 != nil {
			return Forward{}, bad
		}
	}
	return f, f.check()
}

func (f Forward) check() error {
	if f.proto() != "tcp" && f.proto() != "udp" {
		return fmt.Errorf("cannot forward protocol %q: only tcp and udp", f.Proto)
	}
	if !f.addr().Is4() {
		return fmt.Errorf("cannot forward from %s: QEMU does so only from IPv4 addresses", f.HostAddr)
	}
	if f.GuestPort == 0 {
		return errors.New("cannot forward to port 0 of the guest")
	}
	return nil
}

// reserve checks that all host ports are free and chooses those that are 0.
// QEMU itself would give up with a message that blames its own option.
func reserve(forwards []Forward) ([]Forward, error) {
	var reserved []Forward
	for _, f := range forwards {
		if err := f.check(); err != nil {
			return nil, err
		}
		l, port, err := listen(f)
		if err != nil {
			reason := err
			if errors.Is(err, syscall.EADDRINUSE) {
				reason = errors.New("it is taken")
			}
			return nil, fmt.Errorf("cannot forward %s port %d of %s: %w", f.proto(), f.HostPort, f.addr(), reason)
		}
		defer l.Close() // only at the end, so that no two forwards share a port
		f.HostPort = port
		reserved = append(reserved, f)
	}
	return reserved, nil
}

func listen(f Forward) (io.Closer, uint16, error) {
	at := netip.AddrPortFrom(f.addr(), f.HostPort)
	if f.proto() == "udp" {
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
		if err != nil {
			return nil, 0, err
		}
		return c, c.LocalAddr().(*net.UDPAddr).AddrPort().Port(), nil
	}
	l, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(at))
	if err != nil {
		return nil, 0, err
	}
	return l, l.Addr().(*net.TCPAddr).AddrPort().Port(), nil
}

// ParseMemory reads a size such as 512M or 2G (powers of 1024) as bytes.
func ParseMemory(s string) (int64, error) {
	units := map[byte]int64{'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30, 'T': 1 << 40}
	if s == "" || units[s[len(s)-1]] == 0 {
		return 0, fmt.Errorf("size %q has no unit: write 512M or 2G", s)
	}
	unit := units[s[len(s)-1]]
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 63)
	if err != nil || n == 0 || int64(n) > math.MaxInt64/unit {
		return 0, fmt.Errorf("size %q is not a number and a unit, as 512M or 2G are", s)
	}
	return int64(n) * unit, nil
}
