package builder

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/kernel"
	"github.com/bocaditos/bocaditos/kernel/needs"
	"github.com/bocaditos/bocaditos/systemd/state"
)

func TestKernelUse(t *testing.T) {
	root := pkg(t, "all", map[string]string{
		"/usr/lib/modules/6.1/modules.dep":                   "",
		"/usr/bin/ping":                                      "",
		"/usr/lib/systemd/system/default.target":             "[Unit]\nWants=getty@tty1.service\n",
		"/usr/lib/systemd/system/getty@.service":             "[Service]\nPrivateIPC=yes\n",
		"/usr/lib/systemd/system/unused.service":             "[Service]\nPrivateUsers=yes\n",
		"/etc/systemd/system/getty@tty1.service.d/drop.conf": "[Service]\nPrivateIPC=no\n",
	}).Tree
	root.Lookup("/usr/bin/ping").Xattrs = map[string]string{"security.capability": "x"}
	want := needs.Image{
		Arch: "amd64", Modules: true, CommandLine: []string{"quiet"}, State: "btrfs", StateTPM: true, Xattrs: []string{"security.capability"},
		Units: []needs.Unit{
			{Name: "default.target", Settings: []needs.Setting{{Key: "Wants", Value: "getty@tty1.service"}}},
			{Name: "getty@tty1.service", Settings: []needs.Setting{{Key: "PrivateIPC", Value: "yes"}, {Key: "PrivateIPC", Value: "no"}}},
		},
	}
	k := kernel.Kernel{Version: "6.1", Arch: "amd64"}
	if got := (&build{prefix: usr}).kernelUse(root, k, []string{"quiet"}, state.Config{Format: "btrfs", TPM: true}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	k.Version = "6.2"
	if (&build{prefix: usr}).kernelUse(root, k, nil, state.Config{}).Modules {
		t.Error("another kernel's modules count")
	}
}

// A kernel without EROFS is refused before there is an image, one that does not
// confine a unit causes a warning.
func TestCheckKernel(t *testing.T) {
	root := pkg(t, "all", map[string]string{
		"/usr/lib/systemd/system/default.target": "[Unit]\nWants=a.service\n",
		"/usr/lib/systemd/system/a.service":      "[Service]\nPrivateUsers=yes\nLockPersonality=yes\n",
	}).Tree
	run := func(config map[string]string) (events, failure string) {
		b := stateBuild(t, "")
		b.Report = func(e Event) { events += fmt.Sprintln(e.Type, e.Text) }
		err := b.checkKernel(root, kernel.Kernel{Version: "6.1", Arch: "amd64", Config: config})
		if err != nil {
			failure = err.Error()
		}
		return events, failure
	}
	good := map[string]string{}
	for {
		_, failure := run(good)
		if failure == "" {
			break
		}
		// Give it what it asks for, as a person would.
		before := len(good)
		for line := range strings.Lines(failure) {
			if symbols, _, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
				for s := range strings.SplitSeq(symbols, ", ") {
					good[s] = "y"
				}
			}
		}
		if len(good) == before {
			t.Fatal(failure)
		}
	}
	if good["EROFS_FS"] != "y" || good["USER_NS"] != "y" {
		t.Errorf("enough to start: %v", good)
	}
	events, _ := run(good)
	if !strings.Contains(events, "warning kernel configuration: SECCOMP, SECCOMP_FILTER: ") || strings.Contains(events, "IPV6") {
		t.Errorf("said:\n%s", events)
	}
	lacking := maps.Clone(good)
	lacking["EROFS_FS"] = "m" // and no modules in the image
	if _, failure := run(lacking); failure != "the kernel is not configured as the image needs it:\n  EROFS_FS=y: the root is an EROFS filesystem (Bocaditos)" {
		t.Errorf("without EROFS: %s", failure)
	}
	if events, failure := run(nil); failure != "" || !strings.HasPrefix(events, "note the kernel package has no configuration") {
		t.Errorf("without a configuration: %q, %s", events, failure)
	}
}
