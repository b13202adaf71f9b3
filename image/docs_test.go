package image_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/image"
)

// docs/manifest.md is the contract's text: every key of the types is in it.
func TestEveryKeyIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/manifest.md")
	if err != nil {
		t.Fatal(err)
	}
	var visit func(prefix string, typ reflect.Type)
	visit = func(prefix string, typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			key := prefix + name
			if f.Type.Kind() != reflect.Struct && !strings.Contains(string(text), "`"+key+"`") {
				t.Errorf("docs/manifest.md does not explain %q", key)
			}
			switch {
			case f.Type.Kind() == reflect.Struct:
				visit(key+".", f.Type)
			case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
				visit("", f.Type.Elem())
			}
		}
	}
	visit("", reflect.TypeFor[image.Manifest]())
	for _, kind := range []image.Kind{image.Disk, image.UKI, image.Root, image.Verity, image.RootHash, image.Kernel, image.Initrd, image.Config, image.Origins} {
		if !strings.Contains(string(text), "`"+string(kind)+"`") {
			t.Errorf("docs/manifest.md does not explain the kind %q", kind)
		}
	}
}
