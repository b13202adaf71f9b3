package builder

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/bocaditos/bocaditos/tree"
)

// A PathOrigin is one line of the origins artifact: a path of the root, what
// is there, and the history of how it came to be.
type PathOrigin struct {
	Path    string        `json:"path"`
	Type    string        `json:"type"`
	Mode    string        `json:"mode"`
	UID     uint32        `json:"uid,omitempty"`
	GID     uint32        `json:"gid,omitempty"`
	Size    int64         `json:"size,omitempty"`
	Target  string        `json:"target,omitempty"`
	History []tree.Origin `json:"history"`
}

func writeOrigins(w io.Writer, t *tree.Tree) error {
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	err := t.Walk(func(p string, n *tree.Node) error {
		return enc.Encode(PathOrigin{p, n.Type.String(), fmt.Sprintf("%04o", n.Mode), n.UID, n.GID, n.Size(), n.Target, n.History})
	})
	if err != nil {
		return err
	}
	return b.Flush()
}

// Why finds a path in an origins file, following symbolic links as a program
// in the image would. It returns every link on the way and what it ends at;
// empty when the path is not in the image.
func Why(originsFile, p string) ([]PathOrigin, error) {
	p, err := tree.Clean(p)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(originsFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, at := tree.New(), map[string]PathOrigin{}
	dec := json.NewDecoder(bufio.NewReader(f))
	for {
		var o PathOrigin
		if err := dec.Decode(&o); err == io.EOF {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read %s: %w", originsFile, err)
		}
		at[o.Path] = o
		n := tree.NewFile(0, tree.String(""), tree.Origin{})
		switch o.Type {
		case tree.Dir.String():
			n = tree.NewDir(0, tree.Origin{})
		case tree.Symlink.String():
			n = tree.NewSymlink(o.Target, tree.Origin{})
		}
		if err := t.Put(o.Path, n); err != nil {
			return nil, err
		}
	}
	var found []PathOrigin
	for range 40 {
		real, n, err := t.ResolveParent(p)
		if err != nil || n == nil {
			break
		}
		found = append(found, at[real])
		if n.Type != tree.Symlink {
			break
		}
		if p = n.Target; !path.IsAbs(p) {
			p = path.Join(path.Dir(real), p)
		}
	}
	return found, nil
}
