package systemd

import (
	"errors"
	"fmt"
	"path"
	"strings"

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
		case Sysusers:
			w.Subject, w.Text, keep = sysusers.Message(line)
		case Tmpfiles:
			w.Subject, w.Text, keep = tmpfiles.Message(line)
		case Preset, PresetUser, Mask:
			w.Subject, w.Text, keep = preset.Message(line)
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
	said := strings.TrimSpace(string(output))
	if w := Warnings(pass, output); len(w) > 0 {
		said = w[len(w)-1].Text
	}
	return fmt.Errorf("%s failed with exit code %d: %s", pass, exitCode, said)
}
