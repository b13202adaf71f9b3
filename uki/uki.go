// Package uki builds and reads Unified Kernel Images: systemd-stub with a
// kernel, an initrd, a command line and more as PE sections, one EFI program
// that firmware can start, measure and verify as a whole. It follows the UAPI
// Group's Unified Kernel Image specification and lays sections out as ukify
// does. It does not measure and does not sign.
package uki

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// Config is what goes into an image.
type Config struct {
	Stub    tree.Content // systemd-stub of the image's architecture, unsigned
	Kernel  tree.Content // one that firmware can start: bzImage, or Image with an EFI stub
	Initrd  tree.Content // nil: none
	Cmdline string       // required: without it the stub takes one from whoever boots it
	// OSRelease is the os-release file of the image; boot menus show it.
	OSRelease string
	// Uname is the kernel's release, as `uname -r` prints it. Empty: it is
	// read out of Kernel.
	Uname string
	// SBAT is lines for the revocation of this image, one per component:
	// name,generation,vendor,package,version,address. The lines of stub and
	// kernel, and one for the UKI, are always there.
	SBAT string
	// Extra is any of .dtb, .hwids, .splash, .pcrpkey, .ucode and .pcrsig.
	Extra []Section
}

// Section is a named payload.
type Section struct {
	Name string
	Data tree.Content
}

// order is the order of ukify. It matters little to the stub, but equal input
// should give equal bytes with both tools.
var order = []string{
	".osrel", ".cmdline", ".dtb", ".hwids", ".uname", ".splash", ".pcrpkey",
	".linux", ".initrd", ".ucode", ".pcrsig",
}

// extra is the sections that have no field of their own in Config.
var extra = []string{".dtb", ".hwids", ".splash", ".pcrpkey", ".ucode", ".pcrsig"}

// Build writes the image that c describes. Equal inputs give equal bytes. The
// initrd and Extra are streamed; w is not touched if c is wrong.
func Build(w io.Writer, c Config) error {
	p, err := newPlan(c)
	if err != nil {
		return fmt.Errorf("build UKI: %w", err)
	}
	if err := p.write(w); err != nil {
		return fmt.Errorf("write UKI: %w", err)
	}
	return nil
}

// Sections returns the payloads of the image that c describes, as they lie in
// the file and with the final .sbat: all that PCR 11 will depend on.
func (c Config) Sections() ([]Section, error) {
	p, err := newPlan(c)
	if err != nil {
		return nil, fmt.Errorf("plan UKI: %w", err)
	}
	return append([]Section{p.sbat}, p.appended...), nil
}

// plan is a validated Config.
type plan struct {
	stub     *program
	sbat     Section   // takes the place of the stub's own
	appended []Section // come after the stub's sections
	nx       bool      // stub and kernel both run where data cannot be executed
	head     []byte    // all headers
}

func newPlan(c Config) (*plan, error) {
	stub, err := readStub(c.Stub)
	if err != nil {
		return nil, fmt.Errorf("stub: %w", err)
	}
	kernel, err := readKernel(c.Kernel, stub.Machine)
	if err != nil {
		return nil, fmt.Errorf("kernel: %w", err)
	}
	if c.Uname == "" {
		if c.Uname, err = release(kernel.data); err != nil {
			return nil, fmt.Errorf("kernel: %w", err)
		}
	}
	if err := c.checkText(maxCmdline(kernel.data)); err != nil {
		return nil, err
	}
	sbat, err := mergeSBAT(stub, kernel, c.SBAT)
	if err != nil {
		return nil, fmt.Errorf("SBAT: %w", err)
	}
	p := &plan{stub: stub, sbat: Section{".sbat", tree.String(sbat)}, nx: stub.nx() && kernel.nx()}
	if p.appended, err = c.appended(); err != nil {
		return nil, err
	}
	p.head, err = p.header()
	return p, err
}

// appended returns the sections that come after the stub's, in order.
func (c Config) appended() ([]Section, error) {
	data := map[string]tree.Content{
		".osrel":   tree.String(c.OSRelease),
		".cmdline": tree.String(c.Cmdline),
		".uname":   tree.String(c.Uname),
		".linux":   c.Kernel,
	}
	if c.Initrd != nil {
		data[".initrd"] = c.Initrd
	}
	for _, s := range c.Extra {
		switch {
		case !slices.Contains(extra, s.Name):
			return nil, fmt.Errorf("section %q is not one of %s", s.Name, strings.Join(extra, " "))
		case data[s.Name] != nil:
			return nil, fmt.Errorf("section %s is there twice", s.Name)
		case s.Data == nil:
			return nil, fmt.Errorf("section %s has no data", s.Name)
		}
		data[s.Name] = s.Data
	}
	var sections []Section
	for _, name := range order {
		d, ok := data[name]
		if !ok {
			continue
		}
		if d.Size() == 0 {
			return nil, fmt.Errorf("section %s is empty", name)
		}
		sections = append(sections, Section{name, d})
	}
	return sections, nil
}
