package nix

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/bocaditos/bocaditos/pkgs"
)

// check is nil if it is a package, else says what is there in its place.
// name is as it was asked for.
func (e evaluated) check(name string) error {
	near := pkgs.Near(cmp.Or(e.Missing, lastOf(name)), e.Names)
	switch {
	case e.Missing != "" && len(e.Names) == 0:
		return &pkgs.Error{Err: fmt.Errorf("package %s: what comes before %s is not a set of packages", name, e.Missing),
			Tip: "a dot leads into a set, or to an output of a package: python3Packages.requests, openssl.dev"}
	case e.Missing != "":
		tip := "names are those of nixpkgs' attributes: search for it with `nix search nixpkgs WORD`"
		if len(near) > 0 {
			tip = "similar names: " + strings.Join(near, ", ")
		}
		what := "there is no " + e.Missing
		if e.Missing != name {
			what += " in " + strings.TrimSuffix(name[:max(0, strings.LastIndex(name, e.Missing))], ".")
		}
		return &pkgs.Error{Err: fmt.Errorf("package %s: %s", name, what), Tip: tip}
	case e.NotPackage == "set":
		return &pkgs.Error{Err: fmt.Errorf("package %s: it is a set of packages, or of something else", name),
			Tip: fmt.Sprintf("name what you want of it: %s.NAME", name)}
	case e.NotPackage != "":
		return fmt.Errorf("package %s: it is of type %s, not a package", name, e.NotPackage)
	}
	for _, o := range e.Outputs {
		if !validStorePath(o.Path) {
			return &pkgs.Error{Err: fmt.Errorf("package %s: output %s is at %s, which is not below %s", name, o.Name, o.Path, StoreDir),
				Tip: "stores in another place, and derivations whose path is known only after building, are not supported"}
		}
	}
	return nil
}

func lastOf(name string) string {
	path, err := attrPath(name)
	if err != nil {
		return name
	}
	return path[len(path)-1]
}

// refusals are nixpkgs' reasons not to evaluate a package
// (pkgs/stdenv/generic/check-meta.nix and problems.nix there).
var refusals = []struct{ said, means, hint string }{
	{"an unfree license", "its licence is unfree", "set allow_unfree = true in [nix] if you accept it"},
	{"marked as insecure", "it has known vulnerabilities", `add "%s" to permit_insecure in [nix] if you accept them`},
	{"not available on the requested", "it is not made for this architecture", "choose another package, or set allow_unsupported = true in [nix]"},
	{"broken", "it is marked as broken", "choose another package or revision of nixpkgs, or set allow_broken = true in [nix]"},
}

// refused is how nixpkgs says that it does: until 2025 "Package ‘x’ in FILE
// is marked as broken, refusing to evaluate", since then "Refusing to
// evaluate package 'x' in FILE because it…".
var refused = regexp.MustCompile(`(?s)(?:Refusing to evaluate package ['‘]([^'’]+)['’] in|Package ['‘]([^'’]+)['’] in \S+ (?:is|has) )(.*)`)

// asked is the trace's line about which of the packages it was; with "$" it is the
// source of evaluate.nix, which the trace also shows.
var asked = regexp.MustCompile(`while evaluating the package '([^'\n$]+)' for`)

// evaluationError shortens what nix said to what matters, and keeps all of it.
func (s *Source) evaluationError(err error) error {
	var c *commandError
	if !errors.As(err, &c) {
		return fmt.Errorf("evaluate the packages of %s: %w", s.cfg.Nixpkgs, err)
	}
	doing := "evaluate the packages of " + s.cfg.Nixpkgs
	if m := asked.FindStringSubmatch(c.said); m != nil {
		doing = "evaluate package " + m[1]
	}
	if m := refused.FindStringSubmatch(c.said); m != nil {
		name := cmp.Or(m[1], m[2])
		for _, r := range refusals {
			if strings.Contains(firstLines(m[3], 6), r.said) {
				hint := r.hint
				if strings.Contains(hint, "%s") {
					hint = fmt.Sprintf(hint, name)
				}
				return &pkgs.Error{Err: fmt.Errorf("%s: nixpkgs refuses %s: %s", doing, name, r.means), Tip: hint}
			}
		}
	}
	message := errorMessage(c.said)
	if message == "" {
		message = c.Error()
	}
	e := fmt.Errorf("%s: %s", doing, message)
	if file, err := s.keep("evaluation.log", c.said); err == nil {
		return &pkgs.Error{Err: e, Tip: "the whole trace is in " + file}
	}
	return e
}

// errorMessage is the error itself of what nix wrote with --show-trace,
// and where it happened. Until 2.19 it comes first and the trace after it, since then
// last, after an "error:" without text and the trace.
func errorMessage(said string) string {
	if all := errorMessages(said); len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

// errorMessages are all errors of what nix wrote, without their traces.
func errorMessages(said string) []string {
	var blocks []string // paragraphs of the errors, without indentation
	var block []string
	finish := func() {
		if len(block) > 0 {
			blocks = append(blocks, strings.Join(block, "\n    "))
		}
		block = nil
	}
	begun := false
	for line := range strings.Lines(said) {
		begun = begun || strings.HasPrefix(line, "error:")
		text := strings.TrimSpace(line)
		if !begun || excerpt.MatchString(text) {
			continue
		}
		if text == "" || strings.HasPrefix(text, "error:") || strings.HasPrefix(text, "… ") {
			finish()
		}
		if text != "" {
			block = append(block, text)
		}
	}
	finish()
	var messages []string
	for i, b := range blocks {
		text, ok := strings.CutPrefix(b, "error:")
		if text = strings.TrimSpace(text); !ok || text == "" {
			continue
		}
		// The position is a paragraph of its own right after it.
		if i+1 < len(blocks) && strings.HasPrefix(blocks[i+1], "at ") {
			text += "\n    " + blocks[i+1]
		}
		messages = append(messages, text)
	}
	return messages
}

// excerpt is a line of source that nix shows, or what points into it.
var excerpt = regexp.MustCompile(`^[0-9]*\|`)

func firstLines(s string, n int) string {
	lines := strings.SplitAfterN(s, "\n", n+1)
	return strings.Join(lines[:min(n, len(lines))], "")
}

// failedDerivation is how nix names the one whose builder failed first, not
// those that then could not be built. Before 2.31 and since.
var failedDerivation = regexp.MustCompile(`(?:builder for|[Cc]annot build) '(` + StoreDir + `/[^'!^*]+\.drv)`)

// builderFailed tells a builder that failed from other reasons not to build a derivation.
var builderFailed = regexp.MustCompile(`builder (?:for '[^']+' )?failed`)

// otherSystem is a derivation for machines that nix has none of. Before 2.31 and since.
var otherSystem = regexp.MustCompile(`is required to build '|required system or feature not available`)

// logLines is how much of a failed build's log an error shows.
const logLines = 20

// buildError is the end of the failed derivation's log, and where all of it is.
func (s *Source) buildError(ctx context.Context, err error) error {
	var c *commandError
	if !errors.As(err, &c) {
		return fmt.Errorf("build the packages: %w", err)
	}
	for _, message := range errorMessages(c.said) {
		m := failedDerivation.FindStringSubmatch(message)
		if m == nil || !builderFailed.MatchString(message) {
			continue
		}
		_, name, _ := strings.Cut(path.Base(m[1]), "-")
		name = strings.TrimSuffix(name, ".drv")
		log := c.said
		if out, err := s.run(ctx, "nix", "log", m[1]); err == nil && len(out) > 0 {
			log = string(out)
		}
		e := fmt.Errorf("build %s: it failed; the end of its log:\n    %s", name, strings.Join(lastLines(log, logLines), "\n    "))
		tip := "`nix log " + m[1] + "` prints all of it"
		if file, err := s.keep(path.Base(m[1])+".log", log); err == nil {
			tip = "all of it is in " + file
		}
		return &pkgs.Error{Err: e, Tip: tip}
	}
	// No builder failed: the first error is the reason, the others follow from it.
	message := c.Error()
	if all := errorMessages(c.said); len(all) > 0 {
		message = all[0]
	}
	e := fmt.Errorf("build the packages: %s", message)
	if otherSystem.MatchString(c.said) {
		return &pkgs.Error{Err: e, Tip: "this machine cannot run its builders: name one that can in builders in nix.conf, or a substituter that has it"}
	}
	if file, err := s.keep("build.log", c.said); err == nil {
		return &pkgs.Error{Err: e, Tip: "all that nix said is in " + file}
	}
	return e
}

func lastLines(s string, n int) []string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return lines[max(0, len(lines)-n):]
}
