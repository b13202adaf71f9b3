package nix_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/internal/debiantest"
	"github.com/bocaditos/bocaditos/internal/nixtest"
)

// A kernel is built from Debian's source by the toolchain of the package set. It
// is kept in the store for as long as its configuration is the same, whatever
// changes in the tool.
func TestKernel(t *testing.T) {
	set := nixtest.PackageSet(t)
	source := filepath.Join(debiantest.Unpacked(t, "amd64", "linux-source-6.12"), "usr/src/linux-source-6.12.tar.xz")
	makefile, err := os.ReadFile(filepath.Join(debiantest.LinuxSource(t), "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	var sublevel string
	for line := range strings.Lines(string(makefile)) {
		if value, ok := strings.CutPrefix(line, "SUBLEVEL = "); ok {
			sublevel = strings.TrimSpace(value)
			break
		}
	}
	tiny := filepath.Join(t.TempDir(), "tiny.config")
	text := "# as small as it gets\n"
	for _, symbol := range []string{"64BIT", "BLOCK", "PRINTK", "TTY", "SERIAL_8250", "SERIAL_8250_CONSOLE"} {
		text += "CONFIG_" + symbol + "=y\n"
	}
	if err := os.WriteFile(tiny, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	// Programs with threads, such as the kernel's sorttable, open libgcc_s when they
	// end. nixpkgs' glibc has it beside itself, this one does not.
	kernel := func(options string) string {
		return fmt.Sprintf(`((pkgs.bocaditos.kernel.override {
			src = %s;
			version = "6.12.%s";
			fragments = [ "erofs" %s ];
			options = [ %s ];
			allowImportFromDerivation = true;
		}).overrideAttrs { preBuild = "export LD_LIBRARY_PATH=${pkgs.gccLibs}/lib"; })`, source, sublevel, tiny, options)
	}

	// What is not granted is an error that says why, before anything is compiled.
	expr := expression(t, set, kernel(`"DM_VERITY=y"`)+".configfile")
	if _, log, err := nixBuild(t, expr); err == nil || !strings.Contains(log, "DM_VERITY=y was asked for") || !strings.Contains(log, "BLK_DEV_DM") {
		t.Errorf("got %v\n%s", err, log)
	}

	expr = expression(t, set, kernel(`"LOCALVERSION=\"-box\""`))
	dir, log, err := nixBuild(t, expr)
	if err != nil {
		t.Fatalf("%v\n%s", err, log[max(0, len(log)-5000):])
	}
	image, err := os.ReadFile(dir + "/bzImage")
	if err != nil {
		t.Fatal(err)
	}
	release := "6.12." + sublevel + "-box"
	if want := release + " (bocaditos@bocaditos) #1 "; !bytes.Contains(image, []byte(want)) {
		t.Errorf("the header does not say %q", want)
	}
	config, err := os.ReadFile(dir + "/config")
	if err != nil || !strings.Contains(string(config), "\nCONFIG_EROFS_FS=y\n") || strings.Contains(string(config), "\nCONFIG_MODULES=y\n") {
		t.Errorf("the configuration, %v, is\n%s", err, config)
	}
	if _, err := os.Stat(dir + "/System.map"); err != nil {
		t.Error(err)
	}
	got := run(t, "", "nix-instantiate", "--eval", "--json", "--strict", "--expr",
		strings.TrimSuffix(expr, kernel(`"LOCALVERSION=\"-box\""`))+"let k = "+kernel(`"LOCALVERSION=\"-box\""`)+"; in [ k.modDirVersion k.target (k.kernelAtLeast \"6.12\") k.features ]")
	if want := `["` + release + `","bzImage",true,{}]`; strings.TrimSpace(got) != want {
		t.Errorf("its attributes are %s, want %s", got, want)
	}
}
