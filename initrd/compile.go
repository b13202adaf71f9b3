//go:build !release

package initrd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// The program is compiled as the same package of the same module as in this
// repository, so that a release and a development build give the same bytes.
const (
	goMod       = "module github.com/bocaditos/bocaditos\n\ngo 1.26\n"
	initPackage = "initrd/init"
)

var (
	buildArgs = []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid="}
	// What a user may have set for other projects shall not change the bytes.
	buildEnv = []string{
		"CGO_ENABLED=0", "GOOS=linux", "GOAMD64=v1", "GOARM64=v8.0", "GOENV=off", "GOFLAGS=", "GOWORK=off",
		"GO111MODULE=on", "GOTOOLCHAIN=local", "GOPROXY=off", "GOEXPERIMENT=", "GODEBUG=", "GOFIPS140=off",
	}
	// Where the go command may keep what it keeps.
	keepEnv = []string{"GOROOT", "GOPATH", "GOCACHE", "GOMODCACHE", "GOTMPDIR"}
)

var errNoGo = errors.New("no go command on PATH: install Go 1.26 or later, or use a release build of bocaditos, which needs none")

func compileInit(ctx context.Context, source fs.FS, goarch, cacheDir string) ([]byte, error) {
	if goarch != "amd64" && goarch != "arm64" {
		return nil, errors.New("only amd64 and arm64 are supported")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		return nil, errNoGo
	}
	env := goEnv(os.Environ(), goarch)
	version, err := runGo(ctx, goTool, "", env, "env", "GOVERSION")
	if err != nil {
		return nil, err
	}
	key, err := cacheKey(source, string(version), goarch)
	if err != nil {
		return nil, err
	}
	if cacheDir, err = filepath.Abs(cacheDir); err != nil {
		return nil, err
	}
	cached := filepath.Join(cacheDir, "init-"+goarch+"-"+key)
	if b, err := os.ReadFile(cached); err == nil {
		return b, nil
	}
	if err := os.MkdirAll(cacheDir, 0o755); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(cacheDir, ".init-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	if err := writeModule(work, source); err != nil {
		return nil, err
	}
	out := filepath.Join(work, "init")
	if _, err := runGo(ctx, goTool, work, env, append(slices.Clone(buildArgs), "-o", out, "./"+initPackage)...); err != nil {
		return nil, err
	}
	return publish(out, cached)
}

// writeModule lays out the program's source as a module of its own.
func writeModule(dir string, source fs.FS) error {
	src, err := fs.Sub(source, "init")
	if err != nil {
		return err
	}
	pkg := filepath.Join(dir, initPackage)
	if err := os.MkdirAll(filepath.Dir(pkg), 0o755); err != nil {
		return err
	}
	if err := os.CopyFS(pkg, src); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "go.mod"), []byte(goMod), 0o644)
}

// publish moves a finished file into the cache, whole or not at all, also
// when two builds share the cache or the power fails.
func publish(file, cached string) ([]byte, error) {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	return b, os.Rename(file, cached)
}

// goEnv is the environment of the go command: env without what steers other
// builds.
func goEnv(env []string, goarch string) []string {
	var clean []string
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if (strings.HasPrefix(name, "GO") || strings.HasPrefix(name, "CGO_")) && !slices.Contains(keepEnv, name) {
			continue
		}
		clean = append(clean, kv)
	}
	return append(append(clean, buildEnv...), "GOARCH="+goarch)
}

func runGo(ctx context.Context, goTool, dir string, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, goTool, args...)
	cmd.Dir, cmd.Env = dir, env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), nil
}

// cacheKey names the program by all that decides its bytes.
func cacheKey(source fs.FS, version, goarch string) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %q\n", version, goarch, goMod, buildArgs, buildEnv)
	err := fs.WalkDir(source, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(source, p)
		fmt.Fprintf(h, "%q %d\n%s", p, len(b), b)
		return err
	})
	return hex.EncodeToString(h.Sum(nil))[:32], err
}
