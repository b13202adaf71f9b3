package recipe

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/bocaditos/bocaditos/internal/stricttoml"
)

// Nix is which package set is used, and how, for [SourceNix].
type Nix struct {
	Nixpkgs     Nixpkgs      `toml:"nixpkgs"`
	Overlays    []HostPath   `toml:"overlays"`
	AllowUnfree bool         `toml:"allow_unfree"`
	AllowBroken bool         `toml:"allow_broken"`
	Unsupported bool         `toml:"allow_unsupported"`
	Insecure    []string     `toml:"permit_insecure"`
	Store       string       `toml:"store"`
	Caches      []NixCache   `toml:"caches"`
	TrustedKeys []TrustedKey `toml:"trusted_keys"`
}

type (
	Nixpkgs    string // a path, <NAME>, or a flake reference
	NixCache   string // a path on the host as HostPath, or a URL
	TrustedKey string // NAME:BASE64, as nix-store --generate-binary-cache-key writes it
)

var trustedKeyRule = rule{"public key of a binary cache", regexp.MustCompile(`^[^:\s]+:[A-Za-z0-9+/]{43}=$`), 0,
	"its name, a colon and 32 bytes in base64"}

func (v TrustedKey) Validate() error                  { return trustedKeyRule.check(string(v)) }
func (TrustedKey) TOMLType() (string, map[string]any) { return trustedKeyRule.schema() }

// Path says whether it is a path on the host, as Nix tells paths from flake
// references.
func (v Nixpkgs) Path() bool {
	return strings.HasPrefix(string(v), ".") || strings.HasPrefix(string(v), "/")
}

// Path says whether the cache is a directory on the host.
func (v NixCache) Path() bool { return !strings.Contains(string(v), "://") }

// Validate refuses addresses that cannot be fetched from.
func (v NixCache) Validate() error {
	if v.Path() {
		return HostPath(v).Validate()
	}
	return URL(v).Validate()
}

func (NixCache) TOMLType() (string, map[string]any) {
	return "path or URL", map[string]any{"pattern": `^[^\x00]+$`}
}

// attributePath is a path of attributes in a package set, with an output at its
// end or not.
var attributePath = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_'-]*(\.[A-Za-z0-9_][A-Za-z0-9_'-]*)*$`)

// nixChannel is the package set of a host that says nothing else.
const nixChannel = "<nixpkgs>"

// nixKernel is the attribute of the kernel that nixpkgs itself prefers.
const nixKernel = "linuxPackages.kernel"

func (r *Recipe) checkNix(doc *stricttoml.Document) {
	if r.Packages.Source != SourceNix {
		if doc.Has("nix") {
			doc.Report("nix", fmt.Sprintf("[nix] has no meaning with packages.source = %q", r.Packages.Source), "remove the table")
		}
		return
	}
	check := func(key string, name PackageName) {
		if name != "" && !attributePath.MatchString(string(name)) {
			doc.Report(key, fmt.Sprintf("%q is not an attribute of a package set", name), `such as "openssh", "python3Packages.requests" or "openssl.dev"`)
		}
	}
	for i, name := range r.Packages.Install {
		check(fmt.Sprintf("packages.install[%d]", i), name)
	}
	check("kernel.package", r.Kernel.Package)
	if len(r.Packages.ScriptsReplaced) > 0 {
		doc.Report("packages.scripts_replaced", "packages of Nix have no maintainer scripts", "remove the key")
	}
	if doc.Has("kernel.build") {
		doc.Report("kernel.build", "[kernel.build] is for packages.source = \"debian\"", `kernel.package = "bocaditos.kernel" is a kernel of the same fragments, built by Nix`)
	}
}
