package builder

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/systemd/network"
	"github.com/bocaditos/bocaditos/tree"
)

// addNetworks writes what the recipe says of networks as configuration of
// systemd-networkd, which is part of systemd.
func (b *build) addNetworks(root *tree.Tree) error {
	var errs []error
	for i, n := range b.recipe.Networks {
		what := "mac " + strings.ToLower(string(n.MAC))
		if n.Name != "" {
			what = "name " + string(n.Name)
		}
		// Without it nothing would ask the servers, and nothing would say so.
		if resolved := b.prefix + "/lib/systemd/systemd-resolved"; len(n.DNS)+len(n.Domains) > 0 && !isProgram(root, resolved) {
			return fail(Content, fmt.Errorf("network with %s: dns and domains need %s, which the image does not have", what, resolved), `add "systemd-resolved" to packages.install`)
		}
		content := network.Recipe(network.Config{
			Name: string(n.Name), MAC: strings.ToLower(string(n.MAC)), DHCP: n.UsesDHCP(),
			Addresses: recipe.Strings(n.Addresses), Gateways: recipe.Strings(n.Gateways), DNS: recipe.Strings(n.DNS), Domains: recipe.Strings(n.Domains),
		})
		errs = append(errs, root.Put(b.prefix+"/"+network.RecipePath(i), tree.NewFile(0o644, tree.String(content), tree.Origin{Pass: "recipe", Rule: "network with " + what})))
	}
	return fail(Content, errors.Join(errs...), "")
}
