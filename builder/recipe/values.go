package recipe

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/bocaditos/bocaditos/internal/stricttoml"
)

// The types of single values. Each checks itself when it is read, so whoever
// has one need not check it again.
type (
	ID          string // IMAGE_ID of os-release(5)
	Version     string // UAPI.10 Version Format Specification
	PackageName string
	Suite       string // a release of Debian: code name or suite
	Component   string // a part of Debian's archive
	URL         string
	UnitName    string // systemd.unit(5), with its suffix
	ModuleName  string // a kernel module, without directory and suffix
	Argument    string // one kernel parameter
	Path        string // absolute and clean, in the image
	Pattern     string // absolute, in the image, for path.Match
	Target      string // of a symbolic link
	HostPath    string // relative to the recipe, or absolute
	Owner       uint32 // a uid or gid
	Days        int
)

// rule is what the values of a string type look like.
type rule struct {
	name    string         // "unit name"
	pattern *regexp.Regexp // also for JSON Schema: only what Go and ECMA-262 both know
	max     int            // bytes; 0 is no limit
	hint    string
}

func (r rule) check(value string) error {
	switch {
	case !r.pattern.MatchString(value):
		return stricttoml.Hint(fmt.Sprintf("%q is not a valid %s", value, r.name), r.hint)
	case r.max > 0 && len(value) > r.max:
		return fmt.Errorf("%q is longer than %d bytes", value, r.max)
	}
	return nil
}

func (r rule) schema() (string, map[string]any) {
	s := map[string]any{"pattern": r.pattern.String()}
	if r.max > 0 {
		s["maxLength"] = r.max
	}
	return r.name, s
}

var (
	idRule = rule{"image ID", regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`), 64,
		"lower-case letters, digits, '.', '_' and '-', a letter or digit first"}

	// The specification allows an underscore where nothing else uses it as a
	// separator, but the names of image files do.
	versionRule = rule{"version", regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.~^-]*$`), 64,
		"letters, digits, '.', '-', '~' and '^', a letter or digit first; '_' separates id and version in file names"}

	packageRule = rule{"package name", regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+._-]*$`), 0,
		"only the name: the lock keeps the version"}

	suiteRule = rule{"release name", regexp.MustCompile(`^[a-z][a-z0-9-]*$`), 0,
		`a code name such as "trixie", or a suite such as "testing"`}

	componentRule = rule{"archive component", regexp.MustCompile(`^[a-z][a-z0-9-]*$`), 0,
		`for example "main" or "non-free-firmware"`}

	// The suffixes are systemd's unit types, the length is below its UNIT_NAME_MAX.
	unitRule = rule{"unit name", regexp.MustCompile(`^[A-Za-z0-9:_.\\-][A-Za-z0-9:_.\\@-]*\.(service|socket|target|device|mount|automount|swap|timer|path|slice|scope)$`), 255,
		"a unit name ends in its type, for example systemd-networkd.service"}

	moduleRule = rule{"module name", regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`), 0,
		`without directory and ".ko"`}

	argumentRule = rule{"kernel parameter", regexp.MustCompile(`^([^\s"\x00-\x1f\x7f]|"[^"\x00-\x1f\x7f]*")+$`), 0,
		"one parameter for each element of the list; spaces only between double quotes"}

	targetRule   = rule{"link target", regexp.MustCompile(`^[^\x00]+$`), 4095, ""}
	hostPathRule = rule{"path", regexp.MustCompile(`^[^\x00]*$`), 4095, ""}
)

// Validate implements stricttoml.Validator for each type; TOMLType implements
// stricttoml.Described.

func (v ID) Validate() error          { return idRule.check(string(v)) }
func (v Version) Validate() error     { return versionRule.check(string(v)) }
func (v PackageName) Validate() error { return packageRule.check(string(v)) }
func (v Suite) Validate() error       { return suiteRule.check(string(v)) }
func (v Component) Validate() error   { return componentRule.check(string(v)) }
func (v UnitName) Validate() error    { return unitRule.check(string(v)) }
func (v ModuleName) Validate() error  { return moduleRule.check(string(v)) }
func (v Argument) Validate() error    { return argumentRule.check(string(v)) }
func (v Target) Validate() error      { return targetRule.check(string(v)) }
func (v HostPath) Validate() error    { return hostPathRule.check(string(v)) }

func (ID) TOMLType() (string, map[string]any)          { return idRule.schema() }
func (Version) TOMLType() (string, map[string]any)     { return versionRule.schema() }
func (PackageName) TOMLType() (string, map[string]any) { return packageRule.schema() }
func (Suite) TOMLType() (string, map[string]any)       { return suiteRule.schema() }
func (Component) TOMLType() (string, map[string]any)   { return componentRule.schema() }
func (UnitName) TOMLType() (string, map[string]any)    { return unitRule.schema() }
func (ModuleName) TOMLType() (string, map[string]any)  { return moduleRule.schema() }
func (Argument) TOMLType() (string, map[string]any)    { return argumentRule.schema() }
func (Target) TOMLType() (string, map[string]any)      { return targetRule.schema() }
func (HostPath) TOMLType() (string, map[string]any)    { return hostPathRule.schema() }

// Validate refuses what apt could not fetch from. Empty stands for the host's
// own mirror.
func (v URL) Validate() error {
	if v == "" {
		return nil
	}
	u, err := url.Parse(string(v))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "file") || u.Host+u.Path == "" {
		return stricttoml.Hint(fmt.Sprintf("%q is not a valid URL", v), "it begins with https://, http:// or file:/")
	}
	return nil
}

func (URL) TOMLType() (string, map[string]any) {
	return "URL", map[string]any{"pattern": "^(|https?://.+|file:/.*)$"}
}

// Validate refuses paths that are not written in the shortest way, so that two
// ways to write a path are not two paths.
func (v Path) Validate() error {
	if err := absolute(string(v)); err != nil {
		return err
	}
	for _, dir := range []string{"/dev", "/proc", "/run", "/sys"} {
		if strings.HasPrefix(string(v), dir+"/") {
			return stricttoml.Hint(fmt.Sprintf("%q would never be seen: %s is mounted over at boot", v, dir), "tmpfiles.d(5) makes files there at boot")
		}
	}
	return nil
}

func (Path) TOMLType() (string, map[string]any) {
	return "absolute path", map[string]any{"pattern": `^/(?!(dev|proc|run|sys)/)[^\x00]*$`}
}

func absolute(p string) error {
	switch {
	case !strings.HasPrefix(p, "/"):
		return stricttoml.Hint(fmt.Sprintf("%q is not an absolute path", p), fmt.Sprintf("in the image: %q", path.Clean("/"+p)))
	case path.Clean(p) != p:
		return stricttoml.Hint(fmt.Sprintf("%q is not a clean path", p), fmt.Sprintf("write %q", path.Clean(p)))
	case strings.ContainsRune(p, 0):
		return fmt.Errorf("%q has a NUL character", p)
	case len(p) > 4095:
		return fmt.Errorf("the path is longer than 4095 bytes")
	}
	return nil
}

// Validate refuses patterns that could never match as they are meant.
func (v Pattern) Validate() error {
	if err := absolute(string(v)); err != nil {
		return err
	}
	if _, err := path.Match(string(v), "/"); err != nil {
		return stricttoml.Hint(fmt.Sprintf("%q is not a valid pattern", v), `"[" begins a set of characters and "\" quotes the next one`)
	}
	switch {
	case v == "/":
		return fmt.Errorf("%q is the whole root", v)
	case strings.Contains(string(v), "**"):
		return stricttoml.Hint(fmt.Sprintf("%q has \"**\"", v), `"*" matches within one directory; with a directory goes all that is below it`)
	}
	return nil
}

func (Pattern) TOMLType() (string, map[string]any) {
	return "path pattern", map[string]any{"pattern": `^/.`}
}

// Validate refuses the two IDs that mean "none" to the kernel.
func (v Owner) Validate() error {
	if v == 0xffff || v == 0xffffffff {
		return fmt.Errorf("%d is no user or group: the kernel uses it for \"none\"", v)
	}
	return nil
}

func (Owner) TOMLType() (string, map[string]any) {
	return "user or group number", map[string]any{"maximum": 0xfffffffe, "not": map[string]any{"const": 0xffff}}
}

func (v Days) Validate() error {
	if v < 1 {
		return fmt.Errorf("%d is less than one day", v)
	}
	return nil
}

func (Days) TOMLType() (string, map[string]any) {
	return "number of days", map[string]any{"minimum": 1}
}

// Strings makes a list of one of the types above a list of strings.
func Strings[T ~string](list []T) []string {
	plain := make([]string, len(list))
	for i, v := range list {
		plain[i] = string(v)
	}
	return plain
}
