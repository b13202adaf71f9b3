package prefix

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// LinkerCache finds the cache of shared libraries that the dynamic loader of the
// image's programs reads: the C library looks NSS modules up there, for they are
// in no directory that it knows. Packages' loaders have the path compiled in,
// and it is not /etc/ld.so.cache with Nix. Empty without such a loader.
func LinkerCache(t *tree.Tree, packages []Package) (string, error) {
	for _, p := range packages {
		for _, lib := range []string{"lib", "lib64"} {
			at, dir, err := t.Resolve(path.Join(p.Prefix, lib))
			if err != nil || dir.Type != tree.Dir {
				continue
			}
			for _, name := range dir.Children() {
				n := dir.Child(name)
				if n.Type != tree.File || !strings.HasPrefix(name, "ld-linux") {
					continue
				}
				content, err := tree.ReadAll(n.Content)
				if err != nil {
					return "", fmt.Errorf("read %s: %w", path.Join(at, name), err)
				}
				if cache := compiledPath(content, "/etc/ld.so.cache"); cache != "" {
					return cache, nil
				}
			}
		}
	}
	return "", nil
}

// compiledPath finds a NUL-terminated absolute path with this end in a program.
func compiledPath(program []byte, end string) string {
	i := bytes.Index(program, append([]byte(end), 0))
	if i < 0 {
		return ""
	}
	start := bytes.LastIndexByte(program[:i], 0) + 1
	p := string(program[start:i]) + end
	if !path.IsAbs(p) || path.Clean(p) != p {
		return ""
	}
	return p
}
