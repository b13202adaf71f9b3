package qemu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindUEFIOnThisHost(t *testing.T) {
	for arch := range arches {
		u, err := FindUEFI(arch)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{u.Code, u.Vars} {
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: %v", arch, err)
			}
		}
	}
}

// text is a descriptor of amd64 firmware.
func text(code string, features ...string) string {
	f := ""
	if len(features) > 0 {
		f = `"` + strings.Join(features, `","`) + `"`
	}
	return `{"interface-types": ["uefi"], "features": [` + f + `],
		"mapping": {"device": "flash", "executable": {"filename": "` + code + `", "format": "raw"},
			"nvram-template": {"filename": "vars", "format": "raw"}},
		"targets": [{"architecture": "x86_64", "machines": ["pc-i440fx-*", "pc-q35-*"]}]}`
}

func TestFindUEFI(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files map[string]string // etc/… or usr/…
		want  string            // its code, or in the error
	}{
		{"none", nil, "no UEFI firmware for amd64 found: install the package ovmf"},
		{"one", map[string]string{"usr/60.json": text("a")}, "a"},
		{"the first", map[string]string{"usr/60.json": text("a"), "usr/50.json": text("b"), "etc/70.json": text("c")}, "b"},
		{"replaced", map[string]string{"usr/60.json": text("a"), "etc/60.json": text("b")}, "b"},
		{"hidden", map[string]string{"usr/50.json": text("a"), "etc/50.json": "", "usr/60.json": text("b")}, "b"},
		{"Secure Boot", map[string]string{"usr/50.json": text("a", "secure-boot", "requires-smm"), "usr/60.json": text("b", "acpi-s3")}, "b"},
		{"other machine", map[string]string{"usr/50.json": strings.ReplaceAll(text("a"), "pc-q35-*", "pc-q35-2.*"), "usr/60.json": text("b")}, "b"},
		{"other architecture", map[string]string{"usr/50.json": strings.ReplaceAll(text("a"), "x86_64", "i386"), "usr/60.json": text("b")}, "b"},
		{"not flash", map[string]string{"usr/50.json": strings.ReplaceAll(text("a"), "flash", "memory"), "usr/60.json": text("b")}, "b"},
		{"not UEFI", map[string]string{"usr/50.json": strings.ReplaceAll(text("a"), "uefi", "bios"), "usr/60.json": text("b")}, "b"},
		{"qcow2", map[string]string{"usr/50.json": strings.ReplaceAll(text("a"), `"raw"`, `"qcow2"`), "usr/60.json": text("b")}, "b"},
		{"damaged", map[string]string{"usr/60.json": "{"}, "60.json: unexpected end of JSON input"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range tt.files {
				file := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			u, err := findUEFI("amd64", filepath.Join(dir, "etc"), filepath.Join(dir, "usr"))
			if err != nil {
				u.Code = err.Error()
			}
			if u.Code != tt.want && (err == nil || !strings.Contains(u.Code, tt.want)) {
				t.Errorf("%s, want %s", u.Code, tt.want)
			}
		})
	}
}
