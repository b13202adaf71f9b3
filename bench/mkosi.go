package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// mkosiRelease is the release of Debian that both tools build, and that the
// mkosi of make bench MKOSI=1 comes from.
const mkosiRelease = "trixie"

// mkosiPackages is mkosi and what it calls to make a disk.
const mkosiPackages = "mkosi,apt,ca-certificates,cpio,debian-archive-keyring,dosfstools,e2fsprogs,kmod,mtools,python3-pefile," +
	"systemd-boot-efi,systemd-container,systemd-repart,systemd-ukify,util-linux,zstd"

// mkosi is the other tool under measurement, from the host or from a Debian
// root of its own.
type mkosi struct {
	missing string // why it is not measured
	version string
	root    string // that it runs in; empty: the host's
	dir     string // configuration, caches and output

	cold, again samples
}

func newMkosi(ctx context.Context, o options) (*mkosi, error) {
	m := &mkosi{}
	if m.version = hostMkosi(ctx); m.version == "" {
		switch {
		case !o.mkosi:
			m.missing = "not installed; make bench MKOSI=1"
			return m, nil
		case os.Geteuid() != 0:
			m.missing = "MKOSI=1 needs root"
			return m, nil
		}
		m.root = filepath.Join(o.cache, "mkosi-"+mkosiRelease)
		if err := m.install(ctx); err != nil {
			return nil, err
		}
	}
	m.dir = filepath.Join(o.cache, "mkosi")
	if err := m.configure(ctx); err != nil {
		return nil, err
	}
	fmt.Fprintln(os.Stderr, "mkosi: first builds, to fill its caches")
	for _, incremental := range []bool{false, true} {
		if _, err := m.build(ctx, incremental, "--cache-only=never"); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *mkosi) close() {
	if m.dir != "" {
		for _, sub := range []string{"out", "workspace", "cache"} {
			os.RemoveAll(filepath.Join(m.dir, sub))
		}
	}
}

// hostMkosi is the version of the mkosi on PATH, if it is one to compare with.
func hostMkosi(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "mkosi", "--version").Output()
	version := strings.TrimPrefix(strings.TrimSpace(string(out)), "mkosi ")
	major, _, _ := strings.Cut(version, ".")
	if n, _ := strconv.Atoi(major); err != nil || n < 25 {
		return ""
	}
	return version
}

// install makes the root that mkosi runs in, once.
func (m *mkosi) install(ctx context.Context) error {
	if _, err := os.Stat(m.root); errors.Is(err, os.ErrNotExist) {
		mirror, err := hostMirror(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "mkosi: installing it into", m.root)
		partial := m.root + ".partial"
		if err := os.RemoveAll(partial); err != nil {
			return err
		}
		_, _, err = measure(ctx, "mmdebstrap", "--variant=apt", "--include="+mkosiPackages,
			mkosiRelease, partial, "deb "+mirror+" "+mkosiRelease+" main")
		if err != nil {
			return err
		}
		if err := os.Rename(partial, m.root); err != nil {
			return err
		}
	}
	out, err := exec.CommandContext(ctx, "chroot", m.root, "mkosi", "--version").Output()
	m.version = strings.TrimPrefix(strings.TrimSpace(string(out)), "mkosi ")
	return err
}

// hostMirror is where the host gets Debian's archive from.
func hostMirror(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages", "Origin: Debian").Output()
	if err != nil {
		return "", fmt.Errorf("ask apt-get for the mirror: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		// Not trixie-security and the like.
		uri, suite, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(uri, "http") && suite != "" && !strings.Contains(suite, "-") {
			return strings.TrimRight(uri, "/"), nil
		}
	}
	return "", errors.New("the host's apt has no mirror of Debian: run apt-get update")
}

// The same packages as in examples/hello, on a disk that boots the same way.
// mkosi finds systemd-stub in the image.
const mkosiConfig = `[Distribution]
Distribution=debian
Release=%s

[Output]
Format=disk
Output=image
OutputDirectory=%s/out
SplitArtifacts=uki,kernel,initrd

[Build]
PackageCacheDirectory=%[2]s/packages
WorkspaceDirectory=%[2]s/workspace

[Content]
Bootable=yes
Bootloader=uki
WithDocs=no
Packages=%[3]s
`

var helloPackages = []string{
	"base-files", "systemd", "udev", "dbus-broker", "login", "util-linux", "kmod", "liblzma5",
	"libc-bin", "iproute2", "bash", "coreutils", "dash", "linux-image-cloud-amd64", "systemd-boot-efi",
}

// configure writes mkosi's configuration. The mirror is given as apt's own
// source, because Mirror= wants archives beside Debian's own one there.
func (m *mkosi) configure(ctx context.Context) error {
	mirror, err := hostMirror(ctx)
	if err != nil {
		return err
	}
	m.close()
	sources := filepath.Join(m.dir, "config/mkosi.sandbox/etc/apt/sources.list.d")
	for _, sub := range []string{"out", "packages", "workspace", "cache/cold", "cache/incremental"} {
		if err := os.MkdirAll(filepath.Join(m.dir, sub), 0o755); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(sources, 0o755); err != nil {
		return err
	}
	config := fmt.Sprintf(mkosiConfig, mkosiRelease, m.inside(), strings.Join(helloPackages, "\n         "))
	source := fmt.Sprintf("Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n", mirror, mkosiRelease)
	return errors.Join(
		os.WriteFile(filepath.Join(m.dir, "config/mkosi.conf"), []byte(config), 0o666),
		os.WriteFile(filepath.Join(sources, "mkosi.sources"), []byte(source), 0o666))
}

// inside is m.dir as mkosi sees it.
func (m *mkosi) inside() string {
	if m.root != "" {
		return "/bench"
	}
	return m.dir
}

// enter makes the root the whole world of a process, in namespaces that go
// with it. A chroot would not do: mkosi changes the root itself.
const enter = `set -eu
root=$1 dir=$2
shift 2
mount --bind "$root" "$root"
mkdir -p "$root/bench"
mount --bind "$dir" "$root/bench"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cd "$root"
pivot_root . .
umount -l .
cd /
exec "$@"`

// build runs mkosi, which removes the last output itself. It also empties the
// cache when it is not to use it, so the two ways have one each.
func (m *mkosi) build(ctx context.Context, incremental bool, arg string) (sample, error) {
	cache, use := "cold", "no"
	if incremental {
		cache, use = "incremental", "yes"
	}
	command := []string{"mkosi", "--directory", m.inside() + "/config", "--force", "--cache-directory", m.inside() + "/cache/" + cache,
		"--incremental=" + use, arg, "build"}
	if m.root != "" {
		command = append([]string{"unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", enter, "sh", m.root, m.dir}, command...)
	}
	s, _, err := measure(ctx, command[0], command[1:]...)
	return s, err
}

// round measures mkosi without the network, from packages it has downloaded.
func (m *mkosi) round(ctx context.Context) error {
	if m.missing != "" {
		return nil
	}
	s, err := m.build(ctx, false, "--cache-only=always")
	if err != nil {
		return err
	}
	m.cold = append(m.cold, s)
	if s, err = m.build(ctx, true, "--cache-only=always"); err != nil {
		return err
	}
	m.again = append(m.again, s)
	return nil
}
