package qemu

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// That the tiny guests end with their status under TCG shows that they work,
// so where they do not end under KVM, KVM is to blame.
func TestProbesEndUnderTCG(t *testing.T) {
	for name, a := range arches {
		_, binary, err := findBinary(name)
		if err != nil {
			t.Fatal(err)
		}
		if status, err := a.probe.run(t.Context(), a, binary, TCG); status != a.probe.status {
			t.Errorf("%s: status %d, want %d: %v", name, status, a.probe.status, err)
		}
		a.probe.program = func() []byte { return make([]byte, 128) }
		if status, err := a.probe.run(t.Context(), a, binary, TCG); status == a.probe.status {
			t.Errorf("%s: a guest that does nothing has the good status %d too, %v", name, status, err)
		}
	}
}

func TestProbe(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "new", "cache")
	first, err := Probe(t.Context(), runtime.GOARCH, cache)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %s", first.Name, first.Why)
	if first.Name != KVM && first.Name != TCG || first.Why == "" {
		t.Errorf("answer %+v", first)
	}
	files, _ := filepath.Glob(filepath.Join(cache, "*"))
	if why := kvmClosed("/dev/kvm"); why != "" {
		if first.Name != TCG || first.Why != why || len(files) > 0 {
			t.Errorf("answer %+v and files %v, but %s", first, files, why)
		}
		return
	}
	if len(files) != 1 {
		t.Fatalf("the cache has %v", files)
	}

	// A changed memory shows whether it is used.
	var m answer
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &m); err != nil || m.Accel != first || m.Key == "" {
		t.Fatalf("the cache has %s, %v", data, err)
	}
	m.Why = "remembered"
	if err := remember(files[0], m.Key, m.Accel); err != nil {
		t.Fatal(err)
	}
	if again, err := Probe(t.Context(), runtime.GOARCH, cache); err != nil || again.Name != first.Name || again.Why != "remembered" {
		t.Errorf("second answer %+v, %v", again, err)
	}
	other, err := json.Marshal(answer{"another host", m.Accel})
	if err != nil {
		t.Fatal(err)
	}
	for _, useless := range []string{"", "{", string(other)} {
		if err := os.WriteFile(files[0], []byte(useless), 0o644); err != nil {
			t.Fatal(err)
		}
		if again, err := Probe(t.Context(), runtime.GOARCH, cache); err != nil || again.Name != first.Name || again.Why == "remembered" {
			t.Errorf("answer with %q in the cache: %+v, %v", useless, again, err)
		}
	}
}

func TestProbeOfForeignArchitecture(t *testing.T) {
	foreign := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	got, err := Probe(t.Context(), foreign, t.TempDir())
	if err != nil || got.Name != TCG || !strings.Contains(got.Why, "has to be emulated") {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestKVMClosed(t *testing.T) {
	dir := t.TempDir()
	if why := kvmClosed(filepath.Join(dir, "kvm")); !strings.Contains(why, "does not exist") {
		t.Errorf("missing: %q", why)
	}
	if why := kvmClosed(dir); why == "" {
		t.Error("a directory can be opened")
	}
	if why := kvmClosed(os.DevNull); why != "" {
		t.Errorf("open: %q", why)
	}
}
