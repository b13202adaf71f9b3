package recipe

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/bocaditos/bocaditos/internal/stricttoml"
)

// Kernel is which kernel the image boots, and what it is told.
type Kernel struct {
	Package     PackageName `toml:"package"` // empty: it is built
	CommandLine []Argument  `toml:"command_line"`
	Build       KernelBuild `toml:"build"`
}

// KernelBuild is a kernel that is made for the image. Without the table there
// is none. Exactly one of Package, Directory and Tarball says where the source
// is.
type KernelBuild struct {
	Package   PackageName    `toml:"package"`   // has /usr/src/linux-source-*.tar.*
	Directory HostPath       `toml:"directory"` // a source tree on the host
	Tarball   Tarball        `toml:"tarball"`
	SHA256    SHA256         `toml:"sha256"`    // of Tarball
	Fragments []Fragment     `toml:"fragments"` // nil: all that belong to the architecture
	Options   []KernelOption `toml:"options"`
	Compiler  PackageName    `toml:"compiler"`
	Tools     []PackageName  `toml:"tools"`
}

// Wanted says whether a kernel is built.
func (k KernelBuild) Wanted() bool { return k.Package != "" || k.Directory != "" || k.Tarball != "" }

type (
	Tarball      string // a path on the host as HostPath, or a URL
	SHA256       string // 64 hex digits
	Fragment     string // the name of one that Bocaditos ships, or a path on the host
	KernelOption string // SYMBOL=value
)

var (
	sha256Rule = rule{"SHA-256", regexp.MustCompile(`^[0-9a-f]{64}$`), 0, "64 lower-case hex digits, as sha256sum prints them"}

	fragmentRule = rule{"configuration fragment", regexp.MustCompile(`^([a-z0-9-]+|[^\x00]*[/.][^\x00]*)$`), 4095,
		`the name of one, such as "virtio", or a path such as "./my.config"`}

	optionRule = rule{"kernel option", regexp.MustCompile(`^(CONFIG_)?[A-Za-z0-9_]+=(y|m|n|-?[0-9]+|0[xX][0-9A-Fa-f]+|"[^"\\\x00-\x1f]*")$`), 0,
		`such as "EXT4_FS=y", "NR_CPUS=8" or 'LOCALVERSION="-box"'`}
)

func (v SHA256) Validate() error       { return sha256Rule.check(string(v)) }
func (v Fragment) Validate() error     { return fragmentRule.check(string(v)) }
func (v KernelOption) Validate() error { return optionRule.check(string(v)) }

func (SHA256) TOMLType() (string, map[string]any)       { return sha256Rule.schema() }
func (Fragment) TOMLType() (string, map[string]any)     { return fragmentRule.schema() }
func (KernelOption) TOMLType() (string, map[string]any) { return optionRule.schema() }

// Shipped says whether the fragment is one of those that Bocaditos ships, and
// not a path.
func (v Fragment) Shipped() bool { return !strings.ContainsAny(string(v), "/.") }

// Remote says whether the tarball has to be downloaded.
func (v Tarball) Remote() bool { return strings.Contains(string(v), "://") }

// Validate refuses addresses that cannot be fetched from.
func (v Tarball) Validate() error {
	if v.Remote() {
		return URL(v).Validate()
	}
	return HostPath(v).Validate()
}

func (Tarball) TOMLType() (string, map[string]any) {
	return "path or URL", map[string]any{"pattern": `^[^\x00]+$`}
}

func (r *Recipe) completeKernel(doc *stricttoml.Document) {
	k := &r.Kernel
	if !doc.Has("kernel.build") {
		switch {
		case doc.Has("kernel.package"):
		case r.Packages.Source == SourceNix:
			k.Package = nixKernel
		default:
			k.Package = debianKernel(r.Architecture)
		}
		return
	}
	if k.Build.Compiler == "" {
		k.Build.Compiler = "gcc"
	}
	if !doc.Has("kernel.build.package") && !doc.Has("kernel.build.directory") && !doc.Has("kernel.build.tarball") {
		k.Build.Package = "linux-source"
	}
}

// debianKernel is the package of Debian's kernel for virtual machines, a third
// of the size of the one for all hardware.
func debianKernel(arch Arch) PackageName {
	return map[Arch]PackageName{X8664: "linux-image-cloud-amd64", ARM64: "linux-image-cloud-arm64"}[arch]
}

// compilers are the packages of C compilers that can be asked for.
var compilers = regexp.MustCompile(`^gcc(-[0-9]+)?$`)

func (r *Recipe) checkKernel(doc *stricttoml.Document) {
	if !doc.Has("kernel.build") || r.Packages.Source == SourceNix {
		return
	}
	b := r.Kernel.Build
	if doc.Has("kernel.package") {
		doc.Report("kernel.package", "package: [kernel.build] makes the kernel, so none is taken from a package", "remove one of them; kernel.build.package names the package of the source")
	}
	var from []string
	for _, key := range []string{"package", "directory", "tarball"} {
		if doc.Has("kernel.build." + key) {
			from = append(from, key)
		}
	}
	if len(from) > 1 {
		doc.Report("kernel.build."+from[1], fmt.Sprintf("[kernel.build] has both %s and %s", from[0], from[1]), "the source is one of package, directory and tarball")
	}
	switch tarball, sum := doc.Has("kernel.build.tarball"), doc.Has("kernel.build.sha256"); {
	case tarball && !sum:
		doc.Report("kernel.build.tarball", "tarball: sha256 is missing", "sha256 says which bytes are meant, wherever they are from")
	case sum && !tarball:
		doc.Report("kernel.build.sha256", "sha256 is that of a tarball, and there is none", "remove it")
	}
	if doc.Has("kernel.build.directory") && b.Directory == "" {
		doc.Report("kernel.build.directory", "directory must not be empty", "")
	}
	if b.Compiler != "" && !compilers.MatchString(string(b.Compiler)) {
		doc.Report("kernel.build.compiler", fmt.Sprintf("%q is not a compiler that builds kernels here", b.Compiler), `"gcc", or a certain version such as "gcc-13"`)
	}
	for i, m := range r.Initrd.Modules {
		doc.Report(fmt.Sprintf("initrd.modules[%d]", i), fmt.Sprintf("module %q: a kernel that is built here has no modules", m), "kernel.build.options builds drivers in")
	}
	seen := map[string]int{}
	for i, o := range b.Options {
		symbol, _, _ := strings.Cut(strings.TrimPrefix(string(o), "CONFIG_"), "=")
		if before, ok := seen[symbol]; ok && symbol != "" {
			doc.Report(fmt.Sprintf("kernel.build.options[%d]", i), fmt.Sprintf("%s is there twice", symbol), fmt.Sprintf("it is first on line %d", doc.Line(fmt.Sprintf("kernel.build.options[%d]", before))))
			continue
		}
		seen[symbol] = i
	}
}
