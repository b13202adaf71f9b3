package unitfixup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// BuildReport is where a package's build leaves what the pass rewrote then,
// relative to the package's prefix. It holds JSON objects, one a line, with the
// keys file (relative to the prefix), line, section, key, program (as it was
// written), new and why; optional where a failure is ignored. Readers skip keys
// that they do not know.
const BuildReport = "nix-support/unit-fixup.json"

// A builtLine is a line of a BuildReport.
type builtLine struct {
	File     string `json:"file"`
	LineNo   int    `json:"line"`
	Section  string `json:"section"`
	Key      string `json:"key"`
	Program  string `json:"program"`
	New      string `json:"new"`
	Why      string `json:"why"`
	Optional bool   `json:"optional,omitempty"`
}

// WriteBuilt writes the BuildReport of a prefix: the lines of its files that
// were rewritten, now or in an earlier run. Without any it writes nothing.
func (r *Report) WriteBuilt(w io.Writer, prefix string) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, l := range r.Lines {
		if l.Verdict != Rewritten {
			continue
		}
		for _, name := range append([]string{l.File}, l.Aliases...) {
			rel, ok := strings.CutPrefix(name, strings.TrimSuffix(prefix, "/")+"/")
			if !ok {
				continue
			}
			if err := enc.Encode(builtLine{rel, l.LineNo, l.Section, l.Key, l.Program, l.New, l.Why, l.Optional}); err != nil {
				return err
			}
		}
	}
	return nil
}

// builtLines are the lines of the BuildReports in a tree, by file.
type builtLines map[string][]builtLine

func readBuilt(t *tree.Tree, o Options) (builtLines, error) {
	lines := builtLines{}
	for _, prefix := range expand(t, o.Prefixes) {
		p, n, err := t.Resolve(path.Join(prefix, BuildReport))
		if err != nil || n.Type != tree.File {
			continue
		}
		data, err := tree.ReadAll(n.Content)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", p, err)
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		for {
			var l builtLine
			if err := dec.Decode(&l); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("read %s: %w", p, err)
			}
			file := path.Join(prefix, l.File)
			lines[file] = append(lines[file], l)
		}
	}
	return lines, nil
}

// recall makes a line that is fine now, since it was rewritten when its package
// was built, tell so. A report of another program than the one that is written
// there is out of date.
func (b builtLines) recall(l *Line, names []string) {
	if l.Verdict != Kept || l.Why != "" {
		return
	}
	for _, name := range names {
		i := slices.IndexFunc(b[name], func(old builtLine) bool {
			return old.New == l.Program && old.LineNo == l.LineNo && old.Section == l.Section && old.Key == l.Key
		})
		if i >= 0 {
			old := b[name][i]
			l.Verdict, l.Built, l.Program, l.New, l.Why = Rewritten, true, old.Program, old.New, old.Why
			return
		}
	}
}
