package initrd_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/initrd"
	"github.com/bocaditos/bocaditos/kernel"
	"github.com/bocaditos/bocaditos/kernel/kerneltest"
	"github.com/bocaditos/bocaditos/tree"
)

// Partition types of the Discoverable Partitions Specification, x86-64.
const (
	typeRoot   = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
	typeVerity = "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"
)

// A rootImage is what veritysetup makes of a directory that mkfs.erofs packed.
type rootImage struct {
	data, tree string // files
	hash       []byte
	superblock []byte
}

// buildRoot packs testdata/guest as /sbin/init beside 4 MB of data.
func buildRoot(t *testing.T) rootImage {
	t.Helper()
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	for _, d := range []string{"dev", "proc", "sys", "run", "usr/lib", "sbin"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-o", filepath.Join(root, "usr/lib/guest"), "./testdata/guest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	// An absolute link means something else before the switch of root.
	if err := os.Symlink("/usr/lib/guest", filepath.Join(root, "sbin/init")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "data"), bytes.Repeat([]byte(marker), 4<<20/len(marker)), 0o644); err != nil {
		t.Fatal(err)
	}
	img := rootImage{data: filepath.Join(dir, "root.erofs"), tree: filepath.Join(dir, "root.verity")}
	tool(t, "mkfs.erofs", "-T0", img.data, root)
	hashFile := filepath.Join(dir, "hash")
	tool(t, "veritysetup", "format", "--salt="+strings.Repeat("5a", 32), "--root-hash-file="+hashFile, img.data, img.tree)
	var err error
	if img.hash, err = hex.DecodeString(strings.TrimSpace(string(read(t, hashFile)))); err != nil || len(img.hash) != 32 {
		t.Fatalf("%s is no root hash: %v", hashFile, err)
	}
	img.superblock = read(t, img.tree)[:512]
	return img
}

const marker = "32 bytes of the data of the root"

// A diskFile is a GPT disk in a file.
type diskFile struct {
	file       string
	sector     int64
	data, tree int64 // offsets in bytes
	total      int64
}

// buildDisk lays the image out like a disk of Bocaditos: an ESP first, then
// the root and its verity partition, with the UUIDs that follow from the hash.
func buildDisk(t *testing.T, img rootImage, sector int64) diskFile {
	t.Helper()
	const mib = 1 << 20
	data, tree := read(t, img.data), read(t, img.tree)
	align := func(n int) int64 { return (int64(n) + mib - 1) / mib * mib }
	d := diskFile{file: filepath.Join(t.TempDir(), "disk"), sector: sector, data: 2 * mib}
	d.tree = d.data + align(len(data))
	d.total = d.tree + align(len(tree)) + mib
	if err := os.WriteFile(d.file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.file, d.total); err != nil {
		t.Fatal(err)
	}
	uuid := func(b []byte) string {
		return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
	}
	script := fmt.Sprintf("label: gpt\nstart=%d, size=%d, type=c12a7328-f81f-11d2-ba4b-00a0c93ec93b\n"+
		"start=%d, size=%d, type=%s, uuid=%s\nstart=%d, size=%d, type=%s, uuid=%s\n",
		mib/sector, mib/sector,
		d.data/sector, (d.tree-d.data)/sector, typeRoot, uuid(img.hash[:16]),
		d.tree/sector, align(len(tree))/sector, typeVerity, uuid(img.hash[16:]))
	target := d.file
	if sector != 512 { // sfdisk of Debian 12 believes devices only
		target = strings.TrimSpace(tool(t, "losetup", "--find", "--show", "--sector-size", fmt.Sprint(sector), d.file))
	}
	cmd := exec.Command("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", target)
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	if target != d.file {
		tool(t, "losetup", "--detach", target)
	}
	if err != nil {
		t.Fatalf("sfdisk: %v\n%s", err, out)
	}
	d.write(t, d.data, data)
	d.write(t, d.tree, tree)
	return d
}

func (d diskFile) write(t *testing.T, at int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(d.file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// A guest is a machine to boot.
type guest struct {
	kernel, initrd string
	cmdline        string
	machine        []string // further arguments for QEMU
	until          string   // ends the machine when it has been said; else it has to end by itself
}

// boot runs the machine and returns what it said on its serial port.
func (g guest) boot(t *testing.T) string {
	t.Helper()
	const limit = 3 * time.Minute // of a slow, shared, emulated machine
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	// QEMU 7.2 emulates cmpxchg16b wrongly when an interrupt comes in between
	// (flags are lost), and the kernel's allocator uses it where it exists.
	args := []string{"-accel", "tcg", "-cpu", "max,-cx16", "-m", "512", "-nographic", "-no-reboot", "-nodefaults",
		"-serial", "stdio", "-kernel", g.kernel, "-initrd", g.initrd, "-append", g.cmdline}
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", append(args, g.machine...)...)
	out := &console{until: g.until, stop: cancel}
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	if err != nil && !out.seen {
		t.Fatalf("qemu: %v; the machine said:\n%s", err, out.text.String())
	}
	return strings.ReplaceAll(out.text.String(), "\r", "")
}

// console collects output and calls stop once it contains until.
type console struct {
	text  bytes.Buffer
	until string
	stop  func()
	seen  bool
}

func (c *console) Write(b []byte) (int, error) {
	c.text.Write(b)
	if c.until != "" && !c.seen && bytes.Contains(c.text.Bytes(), []byte(c.until)) {
		c.seen = true
		c.stop()
	}
	return len(b), nil
}

// debianKernel returns the image of Debian 13's cloud kernel, and the modules
// of an initrd for it.
func debianKernel(t *testing.T) (image string, modules []initrd.Module) {
	t.Helper()
	dir, version := kerneltest.Debian(t, "cloud-amd64")
	tr, err := tree.ReadDir(dir, tree.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	found, err := kernel.Modules(tr, version, kernel.RootModules(), kernel.StorageModules())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range found {
		data, err := m.Data()
		if err != nil {
			t.Fatal(err)
		}
		modules = append(modules, initrd.Module{Name: m.Name, Data: data, Required: m.Required, Needs: m.Needs})
	}
	return filepath.Join(dir, "boot", "vmlinuz-"+version), modules
}

func initBinary(t *testing.T, goarch string) []byte {
	t.Helper()
	b, err := initrd.InitBinary(t.Context(), goarch, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v (is it installed? make test does that)\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
