package network

import "testing"

func TestRecipe(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
		want   string
	}{
		{"by name, DHCP", Config{Name: "en*", DHCP: true}, "[Match]\nName=en*\n\n[Network]\nDHCP=yes\n"},
		{"by address, static", Config{MAC: "52:54:00:00:00:01", Addresses: []string{"192.0.2.10/24", "fd00::1/64"}, Gateways: []string{"192.0.2.1"},
			DNS: []string{"192.0.2.53:5353"}, Domains: []string{"lan", "~."}},
			"[Match]\nMACAddress=52:54:00:00:00:01\nKind=!*\n\n[Network]\nDHCP=no\nAddress=192.0.2.10/24\nAddress=fd00::1/64\nGateway=192.0.2.1\nDNS=192.0.2.53:5353\nDomains=lan\nDomains=~.\n"},
	} {
		if got, want := Recipe(c.config), "# network of the recipe\n"+c.want; got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, want)
		}
	}
	if !(RecipePath(2) < RecipePath(10)) {
		t.Error("the tenth network sorts before the second")
	}
}
