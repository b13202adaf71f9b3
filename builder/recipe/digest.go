package recipe

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/bocaditos/bocaditos/internal/stricttoml"
)

// Canonical is the recipe as JSON with sorted keys and every default filled
// in: two recipes that mean the same are the same bytes, whatever their
// comments, order and layout. The content of files that the recipe names is
// not part of it.
func (r *Recipe) Canonical() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// Map has nothing but strings, numbers, lists and maps in it, which
	// always encode.
	if err := enc.Encode(stricttoml.Map(r)); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// InputDigest is the SHA-256 of Canonical in hex.
func (r *Recipe) InputDigest() string {
	sum := sha256.Sum256(r.Canonical())
	return hex.EncodeToString(sum[:])
}

// Changed names the keys that differ between two recipes, sorted:
// "units.enable", or for an element of files `files "/etc/motd"`.
func Changed(old, new *Recipe) []string {
	a, b := leaves(old), leaves(new)
	var keys []string
	for key, value := range a {
		if other, ok := b[key]; !ok || !reflect.DeepEqual(value, other) {
			keys = append(keys, key)
		}
	}
	for key := range b {
		if _, ok := a[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// leaves flattens a recipe to the keys that Changed names.
func leaves(r *Recipe) map[string]any {
	flat := map[string]any{}
	for name, value := range stricttoml.Map(r) {
		switch value := value.(type) {
		case map[string]any:
			for key, v := range value {
				flat[name+"."+key] = v
			}
		case []any: // tables, each with something that it is known by
			for _, v := range value {
				flat[fmt.Sprintf("%s %q", name, known(v.(map[string]any)))] = v
			}
		default:
			flat[name] = value
		}
	}
	return flat
}

// known returns what an element of a list of tables is known by.
func known(table map[string]any) any {
	for _, key := range []string{"path", "name", "mac"} {
		if v, ok := table[key]; ok && v != "" {
			return v
		}
	}
	return nil
}
