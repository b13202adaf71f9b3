package recipe

import (
	"errors"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// FuzzParse: no input makes Parse panic; what it accepts is TOML; every error
// has a text.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/right/*.toml", "testdata/wrong/*.toml"} {
		for _, data := range recipes(f, pattern) {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse("image.toml", data)
		if err == nil {
			var any map[string]any
			if err := toml.Unmarshal(data, &any); err != nil {
				t.Errorf("accepted what is not TOML: %v", err)
			}
			if string(mustParse(t, string(data)).Canonical()) != string(r.Canonical()) {
				t.Error("reading it twice gives two recipes")
			}
			return
		}
		var list Errors
		if !errors.As(err, &list) || len(list) == 0 || err.Error() == "" {
			t.Errorf("not a list of errors: %#v", err)
		}
	})
}
