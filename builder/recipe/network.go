package recipe

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"

	"github.com/bocaditos/bocaditos/internal/stricttoml"
)

// A Network is how interfaces are configured: those with the name, or the one
// with the hardware address. The first of a recipe's list that fits decides.
type Network struct {
	Name      InterfaceName `toml:"name"`
	MAC       MAC           `toml:"mac"`
	DHCP      *bool         `toml:"dhcp"` // nil: see the method UsesDHCP
	Addresses []Address     `toml:"addresses"`
	Gateways  []IP          `toml:"gateways"`
	DNS       []DNSServer   `toml:"dns"`
	Domains   []Domain      `toml:"domains"`
}

// Types of single values, as in values.go.
type (
	InterfaceName string // with the wildcards of glob(7)
	MAC           string // of 48 bits
	Address       string // with the length of its prefix
	IP            string
	DNSServer     string // with a port and a name for TLS, as in DNS= of resolved.conf(5)
	Domain        string // as in Domains= of systemd.network(5)
)

var (
	interfaceRule = rule{"interface name", regexp.MustCompile(`^[A-Za-z0-9_.*?\[\]-]+$`), 15,
		`the name of an interface, or a pattern such as "en*"`}
	domainRule = rule{"domain", regexp.MustCompile(`^(~\.|~?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*)$`), 254,
		`a domain to search, such as "example.org"; with "~" before it, one to ask these servers about`}
	macPattern     = `^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$`
	addressPattern = `^[0-9A-Fa-f.:]+/[0-9]{1,3}$`
	ipPattern      = `^[0-9A-Fa-f.:]+$`
	dnsPattern     = `^(\[[0-9A-Fa-f.:]+\](:[0-9]{1,5})?|[0-9.]+(:[0-9]{1,5})?|[0-9A-Fa-f.:]+)(#[A-Za-z0-9.-]+)?$`
)

func (v InterfaceName) Validate() error { return interfaceRule.check(string(v)) }
func (v Domain) Validate() error        { return domainRule.check(string(v)) }

func (InterfaceName) TOMLType() (string, map[string]any) { return interfaceRule.schema() }
func (Domain) TOMLType() (string, map[string]any)        { return domainRule.schema() }

// Validate refuses what no single interface can have.
func (v MAC) Validate() error {
	mac, err := net.ParseMAC(string(v))
	if err != nil || !regexp.MustCompile(macPattern).MatchString(string(v)) {
		return stricttoml.Hint(fmt.Sprintf("%q is not a hardware address", v), `six bytes such as "52:54:00:12:34:56"`)
	}
	if mac[0]&1 != 0 {
		return fmt.Errorf("%q is an address of a group, not of one interface", v)
	}
	return nil
}

func (MAC) TOMLType() (string, map[string]any) {
	return "hardware address", map[string]any{"pattern": macPattern}
}

// Validate refuses addresses that no interface can have.
func (v Address) Validate() error {
	p, err := netip.ParsePrefix(string(v))
	if err != nil {
		if addr, err := netip.ParseAddr(string(v)); err == nil {
			length := 24
			if addr.Is6() {
				length = 64
			}
			return stricttoml.Hint(fmt.Sprintf("%q has no prefix length", v), fmt.Sprintf("how many bits are the network: for example \"%s/%d\"", v, length))
		}
		return stricttoml.Hint(fmt.Sprintf("%q is not an address with a prefix length", v), `for example "192.0.2.10/24" or "2001:db8::10/64"`)
	}
	if err := unicast(p.Addr()); err != nil {
		return err
	}
	if p.Addr().Is4() && p.Bits() < 31 && p.Addr() == p.Masked().Addr() {
		return stricttoml.Hint(fmt.Sprintf("%q is the network itself", v), "write the address of the interface in it")
	}
	return nil
}

func (Address) TOMLType() (string, map[string]any) {
	return "interface address", map[string]any{"pattern": addressPattern}
}

func (v IP) Validate() error {
	addr, err := netip.ParseAddr(string(v))
	if err != nil || addr.Zone() != "" {
		return stricttoml.Hint(fmt.Sprintf("%q is not an IP address", v), `for example "192.0.2.1" or "2001:db8::1"`)
	}
	return unicast(addr)
}

func (IP) TOMLType() (string, map[string]any) {
	return "IP address", map[string]any{"pattern": ipPattern}
}

func unicast(addr netip.Addr) error {
	switch {
	case addr.IsUnspecified(), addr.IsMulticast(), addr.IsLoopback(), addr.Is4In6(), addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("%s is no address of a machine on a network", addr)
	}
	return nil
}

func (v DNSServer) Validate() error {
	server, _, _ := strings.Cut(string(v), "#")
	_, err := netip.ParseAddr(server)
	if err != nil {
		var withPort netip.AddrPort
		if withPort, err = netip.ParseAddrPort(server); err == nil && withPort.Port() == 0 {
			err = fmt.Errorf("port 0")
		}
	}
	if err != nil || !regexp.MustCompile(dnsPattern).MatchString(string(v)) {
		return stricttoml.Hint(fmt.Sprintf("%q is not a DNS server", v), `an IP address, if need be with a port and a name for TLS: "192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:853#dns.example.org"`)
	}
	return nil
}

func (DNSServer) TOMLType() (string, map[string]any) {
	return "DNS server", map[string]any{"pattern": dnsPattern}
}

// UsesDHCP says whether the interface asks for an address: unless it has one.
func (n Network) UsesDHCP() bool {
	if n.DHCP != nil {
		return *n.DHCP
	}
	return len(n.Addresses) == 0
}

// TOMLType says which keys a network must have.
func (Network) TOMLType() (string, map[string]any) {
	has := func(key string) map[string]any { return map[string]any{"required": []string{key}} }
	return "table", map[string]any{"oneOf": []any{has("name"), has("mac")}}
}

// checkNetworks applies the rules between the keys of networks.
func (r *Recipe) checkNetworks(doc *stricttoml.Document) {
	seen := map[string]string{}
	for i, n := range r.Networks {
		key := fmt.Sprintf("networks[%d]", i)
		switch hasName, hasMAC := doc.Has(key+".name"), doc.Has(key+".mac"); {
		case hasName && hasMAC:
			doc.Report(key+".mac", "[[networks]] has both name and mac", "one of them says which interface is meant")
		case !hasName && !hasMAC && doc.Complete():
			doc.Report(key, "[[networks]] does not say which interface it is for", `add name = "en*" or mac = "52:54:00:12:34:56"`)
		}
		for k, value := range map[string]string{"name": string(n.Name), "mac": strings.ToLower(string(n.MAC))} {
			if value == "" {
				continue
			}
			if before, ok := seen[k+value]; ok {
				doc.Report(key+"."+k, fmt.Sprintf("%s: %q is there twice", k, value), fmt.Sprintf("it is first on line %d", doc.Line(before)))
				continue
			}
			seen[k+value] = key + "." + k
		}
		n.checkGateways(doc, key)
	}
}

// checkGateways refuses a gateway that cannot be reached, for networkd would
// drop the route with a line in the journal.
func (n Network) checkGateways(doc *stricttoml.Document, key string) {
	var families [2]bool
	for i, g := range n.Gateways {
		at := fmt.Sprintf("%s.gateways[%d]", key, i)
		gateway, err := netip.ParseAddr(string(g))
		if err != nil {
			continue // reported
		}
		family := 0
		if gateway.Is6() {
			family = 1
		}
		if families[family] {
			doc.Report(at, fmt.Sprintf("gateways: %s is the second of its kind", g), "one for IPv4 and one for IPv6")
		}
		families[family] = true
		reached := gateway.IsLinkLocalUnicast()
		for j, a := range n.Addresses {
			p, err := netip.ParsePrefix(string(a))
			if err == nil && p.Addr() == gateway {
				doc.Report(at, fmt.Sprintf("gateways: %s is the interface's own address", g), fmt.Sprintf("line %d has it", doc.Line(fmt.Sprintf("%s.addresses[%d]", key, j))))
			}
			reached = reached || err != nil || p.Contains(gateway)
		}
		if !reached {
			hint := "it must be in the network of one of the addresses"
			if len(n.Addresses) == 0 {
				hint = "only with addresses; DHCP brings its own gateway"
			}
			doc.Report(at, fmt.Sprintf("gateways: %s is not in a network of this interface", g), hint)
		}
	}
}
