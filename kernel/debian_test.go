package kernel_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/kernel"
	"github.com/bocaditos/bocaditos/kernel/kerneltest"
	"github.com/bocaditos/bocaditos/tree"
)

// debian returns Debian's kernel package as a tree.
func debian(t *testing.T, flavour string) (tr *tree.Tree, dir, version string) {
	t.Helper()
	dir, version = kerneltest.Debian(t, flavour)
	tr, err := tree.ReadDir(dir, tree.Origin{Package: "linux-image"})
	if err != nil {
		t.Fatal(err)
	}
	return tr, dir, version
}

func TestFindDebian(t *testing.T) {
	tr, dir, version := debian(t, "cloud-amd64")
	k, err := kernel.Find(tr)
	if err != nil {
		t.Fatal(err)
	}
	if k.Version != version || k.ImagePath != "/boot/vmlinuz-"+version || k.Arch != "amd64" {
		t.Errorf("got version %s at %s for %s", k.Version, k.ImagePath, k.Arch)
	}
	if k.Config["EROFS_FS"] != "m" || k.Config["NVME_CORE"] != "y" {
		t.Errorf("EROFS_FS=%s NVME_CORE=%s", k.Config["EROFS_FS"], k.Config["NVME_CORE"])
	}
	want, err := tree.HostFile(filepath.Join(dir, k.ImagePath))
	if err != nil || want.ID() != k.Image.ID() {
		t.Errorf("the image is not the file's content (%v)", err)
	}
}

// TestModulesLoadOrder compares with what modprobe would do, module by module.
func TestModulesLoadOrder(t *testing.T) {
	for _, flavour := range []string{"cloud-amd64", "amd64"} {
		tr, dir, version := debian(t, flavour)
		for _, name := range append(kernel.RootModules(), kernel.StorageModules()...) {
			got, err := kernel.Modules(tr, version, nil, []string{name})
			if err != nil {
				t.Fatal(err)
			}
			// modprobe fails where there is no such module.
			out, _ := exec.Command("modprobe", "-C", "/dev/null", "-d", dir+"/usr", "-S", version, "--show-depends", name).Output()
			var want []string
			for line := range strings.Lines(string(out)) {
				if f := strings.Fields(line); f[0] == "insmod" {
					want = append(want, strings.TrimPrefix(f[1], dir))
				}
			}
			var have []string
			for _, m := range got {
				have = append(have, m.Path)
			}
			if !slices.Equal(have, want) {
				t.Errorf("%s of %s: load\n%s\nmodprobe would load\n%s", name, flavour, strings.Join(have, "\n"), strings.Join(want, "\n"))
			}
			if name == "erofs" && len(want) < 2 {
				t.Errorf("modprobe said %q, so this test tests nothing", out)
			}
		}
	}
}

func TestModulesDefaults(t *testing.T) {
	for flavour, some := range map[string][]string{
		"cloud-amd64": {"dm_verity", "erofs", "virtio_blk", "ahci", "sha256_ssse3"},
		"amd64":       {"dm_verity", "erofs", "virtio_blk", "ahci", "sha256_ssse3", "nvme", "xhci_pci", "uas", "mmc_block"},
	} {
		tr, _, version := debian(t, flavour)
		modules, err := kernel.Modules(tr, version, kernel.RootModules(), kernel.StorageModules())
		if err != nil {
			t.Fatal(err)
		}
		required := map[string]bool{}
		total := 0
		for _, m := range modules {
			if _, twice := required[m.Name]; twice {
				t.Errorf("%s: %s twice", flavour, m.Name)
			}
			required[m.Name] = m.Required
			b, err := m.Data()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(b, []byte("\x7fELF")) || !bytes.HasSuffix(b, []byte("~Module signature appended~\n")) {
				t.Errorf("%s: %s is not a whole signed module", flavour, m.Path)
			}
			total += len(b)
		}
		t.Logf("%s: %d modules, %d bytes", flavour, len(modules), total)
		for _, name := range some {
			if _, ok := required[name]; !ok {
				t.Errorf("%s: no %s among the modules", flavour, name)
			}
		}
		for name, want := range map[string]bool{"dm_mod": true, "libcrc32c": true, "erofs": true, "virtio_blk": false, "crc32c_intel": false} {
			if required[name] != want {
				t.Errorf("%s: %s required is %t", flavour, name, !want)
			}
		}
	}
}
