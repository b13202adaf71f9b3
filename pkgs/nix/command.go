package nix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/pkgs"
)

// installTip is for those who have no nix.
const installTip = "install Nix (on Debian: apt install nix-bin), or build from an image.lock whose packages a binary cache has"

// maxSaid is how much of what a command says is kept for its error.
const maxSaid = 32 << 20

// commandError is a nix command that failed.
type commandError struct {
	err  error
	said string // all it wrote to standard error
}

func (e *commandError) Error() string { return e.err.Error() }
func (e *commandError) Unwrap() error { return e.err }

// program finds nix, or the older command beside it: distributions and Nix'
// own installer put them into one directory.
func (s *Source) program(name string) (string, error) {
	file, err := exec.LookPath(s.cfg.Program)
	if err != nil {
		return "", &pkgs.Error{Err: fmt.Errorf("nix is needed and not there: %w", err), Tip: installTip}
	}
	if name == "nix" {
		return file, nil
	}
	return filepath.Join(filepath.Dir(file), name), nil
}

// available reports whether there is a nix to ask.
func (s *Source) available() bool {
	_, err := exec.LookPath(s.cfg.Program)
	return err == nil
}

// run runs `nix ARGS` or `nix-store ARGS` and returns its standard output.
// What it says on standard error goes to the log line by line, until it is an
// error: that is for the caller to shorten.
func (s *Source) run(ctx context.Context, name string, args ...string) ([]byte, error) {
	file, err := s.program(name)
	if err != nil {
		return nil, err
	}
	var options []string
	if s.cfg.Store != "" {
		options = append(options, "--store", s.cfg.Store)
	}
	if name == "nix" {
		options = append(options, "--extra-experimental-features", "nix-command flakes")
	}
	cmd := exec.CommandContext(ctx, file, slices.Concat(options, args)...)
	// Interrupted, nix ends its builders, and keeps the store's locks right.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = stalled
	said := &listener{source: s}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, said
	err = cmd.Run()
	said.flush()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, exec.ErrWaitDelay):
		err = nil // a builder kept our pipe open, but nix has ended well
	case err != nil:
		return nil, &commandError{fmt.Errorf("%s: %w", name, err), said.all.String()}
	}
	return out.Bytes(), nil
}

// listener hears what a command says.
type listener struct {
	source *Source
	all    strings.Builder
	line   []byte // the unfinished one
	quiet  bool   // an error has begun
}

func (l *listener) Write(p []byte) (int, error) {
	l.all.Write(p[:min(len(p), max(0, maxSaid-l.all.Len()))])
	l.line = append(l.line, p...)
	for {
		i := bytes.IndexByte(l.line, '\n')
		if i < 0 {
			return len(p), nil
		}
		l.tell(l.line[:i+1])
		l.line = l.line[i+1:]
	}
}

func (l *listener) tell(line []byte) {
	if l.quiet = l.quiet || bytes.HasPrefix(line, []byte("error:")); !l.quiet {
		l.source.log(line)
	}
}

func (l *listener) flush() {
	if len(l.line) > 0 {
		l.tell(append(l.line, '\n'))
	}
}

func (s *Source) log(line []byte) {
	if s.cfg.Log == nil {
		return
	}
	s.logging.Lock()
	defer s.logging.Unlock()
	s.cfg.Log.Write(line)
}

func (s *Source) logf(format string, args ...any) {
	if s.cfg.Log != nil {
		s.log(fmt.Appendf(nil, format+"\n", args...))
	}
}

// keep writes a file below the cache for a person to read, and returns its name.
func (s *Source) keep(name, text string) (string, error) {
	file := filepath.Join(s.cfg.CacheDir, "nix", "log", name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", err
	}
	return file, os.WriteFile(file, []byte(text), 0o644)
}
