// Package network writes the systemd.network(5) files of a recipe. What they
// do to interfaces is systemd-networkd's business.
package network

import (
	"fmt"
	"strings"
)

// Config is how an interface is configured. One of Name and MAC says which.
type Config struct {
	Name      string // may have wildcards
	MAC       string
	DHCP      bool
	Addresses []string // with prefix lengths
	Gateways  []string
	DNS       []string
	Domains   []string
}

// RecipePath is where the file of the recipe's i-th network belongs, below the
// prefix. It sorts before the ones that packages and Bocaditos ship; of several
// files that match an interface the first one decides.
func RecipePath(i int) string { return fmt.Sprintf("lib/systemd/network/10-recipe-%03d.network", i) }

// Recipe returns the file.
func Recipe(c Config) string {
	var b strings.Builder
	b.WriteString("# network of the recipe\n[Match]\n")
	if c.MAC != "" {
		// A bond, a bridge or a VLAN has the address of what is below it.
		fmt.Fprintf(&b, "MACAddress=%s\nKind=!*\n", c.MAC)
	} else {
		fmt.Fprintf(&b, "Name=%s\n", c.Name)
	}
	dhcp := "no"
	if c.DHCP {
		dhcp = "yes"
	}
	fmt.Fprintf(&b, "\n[Network]\nDHCP=%s\n", dhcp)
	for _, list := range []struct {
		key    string
		values []string
	}{{"Address", c.Addresses}, {"Gateway", c.Gateways}, {"DNS", c.DNS}, {"Domains", c.Domains}} {
		for _, v := range list.values {
			fmt.Fprintf(&b, "%s=%s\n", list.key, v)
		}
	}
	return b.String()
}
