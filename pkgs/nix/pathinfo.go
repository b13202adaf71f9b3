package nix

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

// pathInfo is what a store knows of one of its paths.
type pathInfo struct {
	path       string
	sha256     string   // of its NAR, hex
	size       int64    // of its NAR
	references []string // store paths, sorted; may be itself, too
	signatures []string // "key name:base64"
}

// pathInfos asks nix' database for valid paths; with closure, also for all they refer to.
// Those that the store does not have are left out.
func (s *Source) pathInfos(ctx context.Context, paths []string, closure bool) (map[string]pathInfo, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	args := []string{"path-info", "--json"}
	if closure {
		args = append(args, "--recursive")
	}
	out, err := s.run(ctx, "nix", append(args, paths...)...)
	if err != nil {
		return nil, err
	}
	return parsePathInfos(out)
}

// jsonInfo is a path's entry in any of the formats (the manual of Nix, "Store
// object info" 1 to 3).
type jsonInfo struct {
	Path       string            `json:"path"`
	Valid      *bool             `json:"valid"`
	NARHash    json.RawMessage   `json:"narHash"`
	NARSize    int64             `json:"narSize"`
	References []string          `json:"references"`
	Signatures []json.RawMessage `json:"signatures"`
}

// parsePathInfos reads what `nix path-info --json` prints: a list up to 2.18,
// an object by path since 2.19, and with versions an object by base name below "info".
func parsePathInfos(data []byte) (map[string]pathInfo, error) {
	entries := map[string]*jsonInfo{}
	data = bytes.TrimSpace(data)
	if bytes.HasPrefix(data, []byte("[")) {
		var list []*jsonInfo
		if err := json.Unmarshal(data, &list); err != nil {
			return nil, fmt.Errorf("read nix path-info: %w", err)
		}
		for _, e := range list {
			entries[e.Path] = e
		}
	} else {
		var versioned struct {
			Info json.RawMessage `json:"info"`
		}
		err := json.Unmarshal(data, &versioned)
		if err == nil && versioned.Info != nil {
			data = versioned.Info
		}
		if err == nil {
			err = json.Unmarshal(data, &entries)
		}
		if err != nil {
			return nil, fmt.Errorf("read nix path-info: %w", err)
		}
	}
	infos := map[string]pathInfo{}
	for name, e := range entries {
		if e == nil || e.Valid != nil && !*e.Valid {
			continue
		}
		info, err := e.info(name)
		if err != nil {
			return nil, fmt.Errorf("read nix path-info: %s: %w", name, err)
		}
		infos[info.path] = info
	}
	return infos, nil
}

func (e *jsonInfo) info(name string) (pathInfo, error) {
	i := pathInfo{path: absolute(name), size: e.NARSize}
	hash, err := jsonHash(e.NARHash)
	if err != nil {
		return i, err
	}
	if i.sha256, err = sha256Hex(hash); err != nil {
		return i, err
	}
	for _, r := range e.References {
		i.references = append(i.references, absolute(r))
	}
	slices.Sort(i.references)
	for _, raw := range e.Signatures {
		var text string
		var parts struct {
			Key string `json:"keyName"`
			Sig string `json:"sig"`
		}
		if json.Unmarshal(raw, &text) != nil {
			if err := json.Unmarshal(raw, &parts); err != nil {
				return i, err
			}
			text = parts.Key + ":" + parts.Sig
		}
		i.signatures = append(i.signatures, text)
	}
	for _, p := range append([]string{i.path}, i.references...) {
		if !validStorePath(p) {
			return i, fmt.Errorf("%q is not a path below %s", p, StoreDir)
		}
	}
	return i, nil
}

// jsonHash is a hash as a string, or in parts, as some versions wrote it.
func jsonHash(raw json.RawMessage) (string, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	var parts struct {
		Algorithm string `json:"algorithm"`
		Hash      string `json:"hash"`
	}
	err := json.Unmarshal(raw, &parts)
	return parts.Algorithm + ":" + parts.Hash, err
}

// absolute takes base names, too.
func absolute(p string) string {
	if strings.HasPrefix(p, "/") {
		return p
	}
	return path.Join(StoreDir, p)
}
