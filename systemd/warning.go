package systemd

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/bocaditos/bocaditos/systemd/analyze"
	"github.com/bocaditos/bocaditos/systemd/preset"
	"github.com/bocaditos/bocaditos/systemd/sysusers"
	"github.com/bocaditos/bocaditos/systemd/tmpfiles"
)

// A Warning is something a pass said that whoever builds the image should know.
type Warning struct {
	Pass    string
	Subject string // what it is about: a unit, or FILE:LINE of a configuration file; may be empty
	Text    string
}

func (w Warning) String() string {
	if w.Subject == "" {
		return w.Pass + ": " + w.Text
	}
	return w.Pass + ": " + w.Subject + ": " + w.Text
}

// Warnings reads a pass's output. A line that is not known to be harmless is a
// warning, so a message of a later version is never lost.
func Warnings(pass string, output []byte) []Warning {
	var warnings []Warning
	seen := map[Warning]bool{}
	for line := range strings.Lines(separate(pass, output)) {
		line = strings.TrimSpace(line)
		w := Warning{Pass: pass, Text: line}
		keep := line != ""
		switch pass {
		case Ldconfig:
			keep = keep && !ldconfigNoise(line)
		case Depmod:
			w.Subject, w.Text, keep = depmodMessage(line)
		case Rehash:
			w.Subject, w.Text, keep = rehashMessage(line)
		case Firstboot:
			keep = keep && !firstbootNoise.MatchString(line)
		case Sysusers:
			w.Subject, w.Text, keep = sysusers.Message(line)
		case Tmpfiles:
			w.Subject, w.Text, keep = tmpfiles.Message(line)
		case Preset, PresetUser, Mask:
			w.Subject, w.Text, keep = preset.Message(line)
		case Verify:
			w.Subject, w.Text, keep = analyze.Message(line)
		}
		if keep && !seen[w] {
			seen[w] = true
			warnings = append(warnings, w)
		}
	}
	return warnings
}

// ldconfigNoise: ld.so.conf names directories that need not exist (/usr/local/lib)
// and, where /lib is a link to /usr/lib, some twice.
func ldconfigNoise(line string) bool {
	return strings.Contains(line, "Can't stat ") || strings.Contains(line, "given more than once") || strings.HasPrefix(line, "(from ")
}

// firstbootNoise: what it wrote, and that no system runs here that it could
// tell about it.
var firstbootNoise = regexp.MustCompile(`^(/etc/\S+ written\.?|System has not been booted with systemd as init system.*|Failed to connect to system scope bus .*)$`)

// separate puts each message on a line of its own: libkmod forgets some ends.
func separate(pass string, output []byte) string {
	if pass == Depmod {
		return strings.ReplaceAll(string(output), "depmod: ", "\ndepmod: ")
	}
	return string(output)
}

// noLibrary is in libkmod's message when the library that decompresses modules,
// which it loads only when needed, is not there.
const noLibrary = "can't load and resolve symbols"

// depmodMessage reads a message about a module, or about all.
func depmodMessage(line string) (module, text string, warning bool) {
	text = strings.TrimPrefix(line, "depmod: ")
	text = strings.TrimPrefix(strings.TrimPrefix(text, "ERROR: "), "WARNING: ")
	for word := range strings.FieldsSeq(text) {
		if strings.Contains(word, ".ko") && strings.HasPrefix(word, "/") {
			module = path.Base(strings.Trim(word, ":'\""))
		}
	}
	return module, text, text != ""
}

var (
	rehashFile = regexp.MustCompile(`^rehash: warning: skipping (\S+?), ?(.*)$`)
	// The bundle of all certificates lies beside them; a certificate under two
	// names needs one link only.
	rehashNoise = regexp.MustCompile(`^rehash: warning: skipping (ca-certificates\.crt,|duplicate certificate )`)
)

// rehashMessage reads a message about a file: one that is no certificate, so
// that it will not be found.
func rehashMessage(line string) (file, text string, warning bool) {
	if m := rehashFile.FindStringSubmatch(line); m != nil && !rehashNoise.MatchString(line) {
		return m[1], m[2], true
	}
	return "", line, line != "" && !rehashNoise.MatchString(line)
}

// Failure is the error of a pass that did not do its work, or nil. What a
// pass could not do of a longer list is in its warnings.
func Failure(pass string, exitCode int, output []byte) error {
	if pass == Depmod && strings.Contains(string(output), noLibrary) {
		// It ends with 0 all the same, and no module could be loaded later.
		return errors.New("depmod cannot read compressed modules: the image lacks the library; in Debian liblzma5 for .ko.xz, libzstd1 for .ko.zst")
	}
	if exitCode == 0 || pass == Tmpfiles && tmpfiles.Partial(exitCode) {
		return nil
	}
	if pass == Verify && exitCode == 1 && len(bytes.TrimSpace(output)) > 0 {
		return nil // it found something to say: see Warnings and Refusals
	}
	said := strings.TrimSpace(string(output))
	if w := Warnings(pass, output); len(w) > 0 {
		said = w[len(w)-1].Text
	}
	return fmt.Errorf("%s failed with exit code %d: %s", pass, exitCode, said)
}

// Refusals splits what systemd-analyze verify said into the messages about units
// that systemd refuses to load, and the others.
func Refusals(output []byte) (refusals, others []Warning) {
	refused := map[string]bool{}
	for _, unit := range analyze.Refused(output) {
		refused[template(unit)] = true
	}
	for _, w := range Warnings(Verify, output) {
		if refused[template(w.unit())] {
			refusals = append(refusals, w)
		} else {
			others = append(others, w)
		}
	}
	return refusals, others
}

// unit is the unit that a message about it, its file or a drop-in is about.
func (w Warning) unit() string {
	file, _, isFile := strings.Cut(w.Subject, ":")
	if !isFile {
		return w.Subject
	}
	if dir, ok := strings.CutSuffix(path.Dir(file), ".d"); ok {
		return path.Base(dir)
	}
	return path.Base(file)
}
