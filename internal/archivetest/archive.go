package archivetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A Package is one to build. Fields are lines of its control file, which lack
// Package, Maintainer and Description, and may lack Version and Architecture.
// Files are paths and contents; those below DEBIAN are control files.
type Package struct {
	Suite, Name, Fields string
	Files               map[string]string
}

// MakeDeb builds the package as file, with dpkg-deb.
func MakeDeb(t testing.TB, file, name, fields, compression string, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	os.Chmod(dir, 0o755)
	if !strings.Contains(fields, "Version:") {
		fields = "Version: 1.0\n" + fields
	}
	if !strings.Contains(fields, "Architecture:") {
		fields = "Architecture: amd64\n" + fields
	}
	Write(t, dir+"/DEBIAN/control", "Package: "+name+"\nMaintainer: T <t@example.org>\nDescription: test\n"+fields, 0o644)
	for path, text := range files {
		mode := os.FileMode(0o644)
		if strings.HasPrefix(path, "DEBIAN/") || strings.Contains(path, "/bin/") {
			mode = 0o755
		}
		if strings.HasSuffix(path, "/su") {
			mode |= os.ModeSetuid
		}
		Write(t, filepath.Join(dir, path), text, mode)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	Command(t, exec.Command("dpkg-deb", "--root-owner-group", "-Z"+compression, "--build", dir, file))
}

// MakePool builds packages into a directory, from which New makes archives.
func MakePool(t testing.TB, dir string, packages []Package) {
	t.Helper()
	for _, p := range packages {
		MakeDeb(t, filepath.Join(dir, p.Suite, fmt.Sprintf("%s_%d.deb", p.Name, len(p.Fields))), p.Name, p.Fields, "xz", p.Files)
	}
}

// An Archive is a directory with the releases "brot" and "brot-updates".
type Archive struct {
	Dir     string
	Keyring string
	keys    *Keys
}

// New copies the pool and publishes it, well signed.
func (k *Keys) New(t testing.TB, pool string) *Archive {
	t.Helper()
	a := &Archive{Dir: t.TempDir(), keys: k}
	if err := os.CopyFS(a.Dir+"/pool", os.DirFS(pool)); err != nil {
		t.Fatal(err)
	}
	a.Keyring = filepath.Join(t.TempDir(), "keys.asc")
	Write(t, a.Keyring, string(Command(t, k.GPG("--armor", "--export", k.Good, k.Expired))), 0o644)
	a.Publish(t, SignWith(k.Good))
	return a
}

// Signing is how Publish signs.
type Signing struct {
	Key, FakedTime string
	Unsigned       bool
	Release        []string // further fields of Release, "Name=value"
}

// SignWith signs with a key and has nothing else to say.
func SignWith(key string) Signing { return Signing{Key: key} }

// Publish writes the indexes of what is in the pool now, and signs them.
func (a *Archive) Publish(t testing.TB, s Signing) {
	t.Helper()
	for _, suite := range []string{"brot", "brot-updates"} {
		if err := os.MkdirAll(filepath.Join(a.Dir, "pool", suite), 0o755); err != nil {
			t.Fatal(err)
		}
		dist := filepath.Join(a.Dir, "dists", suite)
		cmd := exec.Command("apt-ftparchive", "packages", "pool/"+suite)
		cmd.Dir = a.Dir
		index := Write(t, dist+"/main/binary-amd64/Packages", string(Command(t, cmd)), 0o644)
		Command(t, exec.Command("xz", "-kf", index))
		args := []string{}
		for _, f := range append([]string{"Origin=Test", "Label=Test", "Suite=" + suite, "Codename=" + suite, "Architectures=amd64", "Components=main"}, s.Release...) {
			args = append(args, "-o", "APT::FTPArchive::Release::"+f)
		}
		os.Remove(dist + "/InRelease")
		os.Remove(dist + "/Release")
		text := Command(t, exec.Command("apt-ftparchive", append(args, "release", dist)...))
		for _, f := range s.Release { // apt-ftparchive has the date from its clock only
			if date, ok := strings.CutPrefix(f, "Date="); ok {
				lines := strings.Split(string(text), "\n")
				for i := range lines {
					if strings.HasPrefix(lines[i], "Date:") {
						lines[i] = "Date: " + date
					}
				}
				text = []byte(strings.Join(lines, "\n"))
			}
		}
		release := Write(t, dist+"/Release", string(text), 0o644)
		if s.Unsigned {
			continue
		}
		sign := []string{"--local-user", s.Key, "--output", dist + "/InRelease", "--clearsign", release}
		if s.FakedTime != "" {
			sign = append([]string{"--faked-system-time", s.FakedTime}, sign...)
		}
		Command(t, a.keys.GPG(sign...))
	}
}
