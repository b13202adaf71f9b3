package builder

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/bocaditos/bocaditos/tree"
)

// A PathOrigin is one line of the origins artifact: a path of the root, what
// is there, and the history of how it came to be. Of type "left out" are paths
// that would be in the root, with what is below them, but are not.
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

func (o PathOrigin) String() string {
	switch {
	case o.Type == leftOutType:
		return o.Path + "  " + o.Type
	case o.Target != "":
		return fmt.Sprintf("%s → %s  %s %s %d:%d", o.Path, o.Target, o.Type, o.Mode, o.UID, o.GID)
	}
	return fmt.Sprintf("%s  %s %s %d:%d", o.Path, o.Type, o.Mode, o.UID, o.GID)
}

func writeOrigins(w io.Writer, t *tree.Tree, leftOut []PathOrigin) error {
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	err := t.Walk(func(p string, n *tree.Node) error {
		return enc.Encode(PathOrigin{p, n.Type.String(), fmt.Sprintf("%04o", n.Mode), n.UID, n.GID, n.Size(), n.Target, n.History})
	})
	if err != nil {
		return err
	}
	for _, o := range leftOut {
		if t.Lookup(o.Path) != nil {
			continue // the recipe put something else there
		}
		if err := enc.Encode(o); err != nil {
			return err
		}
	}
	return b.Flush()
}

// Why finds a path in an origins file, following symbolic links as a program
// in the image would. It returns every link on the way and what it ends at;
// empty when the path is not in the image and was not left out of it.
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
	at := map[string]PathOrigin{}
	for dec := json.NewDecoder(bufio.NewReader(f)); ; {
		var o PathOrigin
		if err := dec.Decode(&o); err == io.EOF {
			return follow(at, p), nil
		} else if err != nil {
			return nil, fmt.Errorf("read %s: %w", originsFile, err)
		}
		at[o.Path] = o
	}
}

// follow lists the links on the way to p, also those among its directories,
// and what is at the end. That may be a link to nothing; if p itself is not
// there, the list is empty.
func follow(at map[string]PathOrigin, p string) []PathOrigin {
	here, rest := "/", strings.Split(p, "/")
	found, named := []PathOrigin{}, false
	for range 1000 { // links may go round in circles
		if len(rest) == 0 {
			break
		}
		word := rest[0]
		rest = rest[1:]
		if word == ".." {
			here = path.Dir(here)
			continue
		}
		o, ok := at[path.Join(here, word)]
		if !ok && !named {
			return nil
		}
		if !ok {
			return found
		}
		if o.Type == leftOutType {
			return append(found, o)
		}
		named = named || len(rest) == 0
		if o.Type != tree.Symlink.String() {
			here = o.Path
			continue
		}
		found = append(found, o)
		if path.IsAbs(o.Target) {
			here = "/"
		}
		rest = append(strings.Split(o.Target, "/"), rest...)
	}
	return append(found, at[here])
}
