package debian

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bocaditos/bocaditos/internal/cachefile"
)

// apt is an apt of our own: configuration, sources, keys, lists and the
// (empty) list of installed packages are all in one directory of the cache.
type apt struct {
	dir  string
	lock *os.File // one process at a time
}

// openApt makes or reuses the directory for these sources. Reusing it keeps
// what apt downloaded and indexed.
func (a *Archive) openApt(ctx context.Context, arch string, sources []source) (*apt, error) {
	c, err := a.client(ctx)
	if err != nil {
		return nil, err
	}
	id := sha256.New()
	for _, s := range sources {
		fmt.Fprintf(id, "%q %q %x\n", s.name, s.uri, sha256.Sum256(s.keyring))
	}
	fmt.Fprintf(id, "%q", a.cfg.Components)
	t := &apt{dir: filepath.Join(a.cfg.CacheDir, "apt", fmt.Sprintf("%s-%s-%x", a.cfg.Release, arch, id.Sum(nil)[:6]))}
	if t.lock, err = cachefile.Lock(ctx, filepath.Join(t.dir, "lock")); err != nil {
		return nil, fmt.Errorf("prepare apt: %w", err)
	}
	if err := t.configure(arch, a.cfg.Components, sources, c.config); err != nil {
		t.lock.Close()
		return nil, fmt.Errorf("prepare apt: %w", err)
	}
	return t, nil
}

func (t *apt) close() { t.lock.Close() }

func (t *apt) configure(arch string, components []string, sources []source, host map[string]string) error {
	for _, d := range []string{"lists/partial", "archives/partial", "sources"} {
		if err := os.MkdirAll(filepath.Join(t.dir, d), 0o755); err != nil {
			return err
		}
	}
	files := map[string][]byte{
		"status":   nil, // nothing is installed: the result is the whole set, essential packages only if needed
		"apt.conf": t.config(arch, host),
	}
	var list bytes.Buffer
	for i, s := range sources {
		key := fmt.Sprintf("%d.gpg", i)
		files[key] = s.keyring
		fmt.Fprintf(&list, "Types: deb\nURIs: %s\nSuites: %s\nComponents: %s\nArchitectures: %s\nSigned-By: %s\n\n",
			bareURI(s.uri, true), s.name, strings.Join(components, " "), arch, filepath.Join(t.dir, key))
	}
	files["sources/bocaditos.sources"] = list.Bytes()
	for name, data := range files {
		if err := cachefile.Write(filepath.Join(t.dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// config is the private apt.conf(5). It comes first, and the directories it
// names keep apt from reading the host's files, hooks and preferences; of the
// host's settings only those of the connection are taken over.
func (t *apt) config(arch string, host map[string]string) []byte {
	var b bytes.Buffer
	set := func(key, value string) { fmt.Fprintf(&b, "%s \"%s\";\n", key, value) }
	set("Dir", t.dir)
	set("Dir::State", t.dir)
	set("Dir::State::lists", t.dir+"/lists")
	set("Dir::State::status", t.dir+"/status")
	set("Dir::State::extended_states", t.dir+"/extended_states")
	set("Dir::Cache", t.dir)
	set("Dir::Cache::archives", t.dir+"/archives")
	set("Dir::Cache::srcpkgcache", "") // the same as pkgcache when nothing is installed
	set("Dir::Etc", t.dir)
	set("Dir::Etc::sourceparts", t.dir+"/sources")
	set("Dir::Log", t.dir)
	for _, f := range []string{"sourcelist", "parts", "main", "preferences", "preferencesparts", "trusted", "trustedparts", "netrc", "netrcparts"} {
		set("Dir::Etc::"+f, "/dev/null")
	}
	set("APT::Architecture", arch)
	set("APT::Architectures::", arch)
	set("APT::Install-Recommends", "false")
	set("APT::Install-Suggests", "false")
	set("APT::Cmd::Pattern-Only", "true") // "libfoo1.2" is a name, not a regular expression
	set("APT::Get::Assume-Yes", "true")
	set("APT::Update::Error-Mode", "any") // else a mirror that is down is a warning
	set("APT::Sandbox::User", "")         // apt's user cannot write to this cache
	set("Acquire::Languages", "none")
	set("Acquire::PDiffs", "false")
	set("Acquire::ForceHash", "sha256") // the one to print, and the one in the lock
	set("Acquire::Retries", "3")
	set("Acquire::AllowInsecureRepositories", "false")
	set("Acquire::AllowWeakRepositories", "false")
	set("Acquire::AllowDowngradeToInsecureRepositories", "false")
	for _, key := range slices.Sorted(maps.Keys(host)) {
		if strings.HasPrefix(key, "acquire::http::") || strings.HasPrefix(key, "acquire::https::") {
			set(key, host[key])
		}
	}
	return b.Bytes()
}

// run runs one of apt's programs and returns its output. A failure is an
// aptError.
func (t *apt) run(ctx context.Context, program string, args ...string) (string, error) {
	if _, err := exec.LookPath(program); err != nil {
		return "", errNoApt
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "APT_CONFIG="+filepath.Join(t.dir, "apt.conf"), "LC_ALL=C", "LANGUAGE=")
	// apt's methods are processes of their own, which must end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", &aptError{program, out.String(), errs.String(), err}
	}
	return out.String(), nil
}

// update fetches the sources' lists and returns the signed Release of each.
func (t *apt) update(ctx context.Context, sources []source, maxAge time.Duration) (map[string]release, error) {
	if _, err := t.run(ctx, "apt-get", "-q", "update"); err != nil {
		return nil, explainUpdate(err)
	}
	releases := map[string]release{}
	for _, s := range sources {
		r, err := t.release(s, maxAge)
		if err != nil {
			return nil, fmt.Errorf("check the Release of %s: %w", s.name, err)
		}
		releases[s.name] = r
	}
	return releases, nil
}

// release looks at what apt has just accepted and now uses.
func (t *apt) release(s source, maxAge time.Duration) (release, error) {
	files, err := filepath.Glob(filepath.Join(t.dir, "lists", "*_dists_"+s.name+"_InRelease"))
	if err != nil || len(files) != 1 {
		return release{}, fmt.Errorf("the mirror has no InRelease (%d found)", len(files))
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		return release{}, err
	}
	now := time.Now()
	r, err := verifyRelease(data, s.keyring, now)
	if err != nil {
		return release{}, err
	}
	r.Name = s.name
	return r, r.fresh(s.name, maxAge, now)
}
