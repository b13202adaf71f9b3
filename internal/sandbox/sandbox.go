// Package sandbox runs programs of an image inside its own root, offline, and
// brings back what they changed as data.
//
// It is not a container runtime: no images, no network, no persistence. The
// root is a stack of overlay layers in user, mount, PID, network, UTS and IPC
// namespaces (namespaces(7), user_namespaces(7)), so it works the same as root
// and as a normal user. Changes travel as OCI image-spec layer changesets.
package sandbox

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/bocaditos/bocaditos/tree"
)

// A Command is one program to run in the image's root.
type Command struct {
	Name string   // what messages call it, such as "systemd-sysusers"
	Args []string // argv; a name without a slash is looked up in the image's PATH
	Env  []string // added to the fixed environment, KEY=VALUE; the last of a key counts

	// Credentials are files in $CREDENTIALS_DIRECTORY, by name, as systemd
	// gives them to services (systemd.exec(5)). They never touch a disk.
	Credentials map[string]string
}

// Options are common to all commands of a Run.
type Options struct {
	// Dir is an existing directory on a real filesystem, for the unpacked
	// root while Run works and for the results' change archives after it.
	// The caller removes it when no tree reads the archives any more.
	Dir string
	// Epoch is the modification time of every file in the root and the
	// commands' SOURCE_DATE_EPOCH, in seconds.
	Epoch int64
	// Mounts are directories of the host that show in the root. What commands
	// write there stays, and is in no change archive.
	Mounts []Mount
	// InPlace is what of the tree the host has already, as a store of packages
	// does. It is shown, read-only, instead of unpacked.
	InPlace []InPlace
	// Output, if not nil, gets the commands' output as it comes.
	Output io.Writer
}

// A Mount is a directory of the host, shown in the root directory. Nothing in
// it gets powers: set-user-ID bits and devices mean nothing there.
type Mount struct {
	Source   string // absolute
	Name     string // of the directory in the root: "src" for /src
	ReadOnly bool
}

// InPlace says that a node of the tree, with all below it, is on the host.
// The two must be equal.
type InPlace struct {
	Path   string // in the tree, of a directory or a file; no link is followed
	Source string // on the host, absolute
}

// A Result is what one command did.
type Result struct {
	Output   []byte // stdout and stderr as they came, the first MaxOutput bytes
	ExitCode int    // 128+N when signal N ended it
	Changes  string // tar file in Options.Dir, for Apply
}

// MaxOutput is how much of a command's output is kept, in bytes.
const MaxOutput = 1 << 20

// Run unpacks t and runs the commands in it one after the other, each on top
// of what the earlier ones left. t itself does not change: see Apply. A command
// that fails is a Result, not an error; the next one still runs.
//
// Inside there is no network, a private /proc, an empty /sys, a minimal /dev,
// empty /run and /tmp; none of these show in the changes. Powers never reach the host's
// filesystem: set-user-ID and set-group-ID bits of files, file capabilities
// and devices are left out (Apply restores them). Nothing can create device
// nodes. When ctx ends or this process dies, every process and mount is gone.
func Run(ctx context.Context, t *tree.Tree, cmds []Command, o Options) (_ []Result, err error) {
	dir, err := os.MkdirTemp(o.Dir, "sandbox-") // 0700
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	work := filepath.Join(dir, "work")
	defer func() {
		if e := Remove(work); err == nil {
			err = e
		}
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	if err := os.Mkdir(work, 0o700); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}

	if len(o.InPlace) > 0 {
		if t, err = hollow(t, o.InPlace); err != nil {
			return nil, err
		}
	}
	req := request{Epoch: o.Epoch, InMemory: fitsMemory(t), Mounts: o.Mounts, InPlace: o.InPlace, Listening: o.Output != nil}
	for i, c := range cmds {
		req.Commands = append(req.Commands, Command{Name: c.Name, Args: c.Args, Env: environment(o.Epoch, c.Env), Credentials: c.Credentials})
		if len(c.Args) == 0 {
			return nil, fmt.Errorf("sandbox: command %d (%s) has no program", i, c.Name)
		}
	}
	c, err := start(ctx, work, "run", o.Output)
	if err != nil {
		return nil, err
	}
	results, err := c.converse(t, req)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("sandbox: %w", context.Cause(ctx))
	}
	for i := range results {
		results[i].Changes = filepath.Join(dir, changesName(i))
	}
	return results, err
}

// hollow copies t without what is in place: the names stay, to mount at.
func hollow(t *tree.Tree, shown []InPlace) (*tree.Tree, error) {
	t = t.Clone()
	for _, s := range shown {
		n := t.Lookup(s.Path)
		if n == nil || n.Type != tree.Dir && n.Type != tree.File {
			return nil, fmt.Errorf("sandbox: %s is no directory or file of the root", s.Path)
		}
		point := tree.NewFile(n.Mode, tree.Bytes(nil), tree.Origin{})
		if n.Type == tree.Dir {
			point = tree.NewDir(n.Mode, tree.Origin{})
		}
		if err := t.Remove(s.Path); err != nil {
			return nil, fmt.Errorf("sandbox: %w", err)
		}
		if err := t.Put(s.Path, point); err != nil {
			return nil, fmt.Errorf("sandbox: %w", err)
		}
	}
	return t, nil
}

// Remove deletes dir, of which Run may have been killed while working in it:
// a normal user cannot delete files of subordinate IDs without help.
func Remove(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil || os.Geteuid() == 0 {
		return err
	}
	c, err := start(context.Background(), dir, "remove", nil)
	if err != nil {
		return err
	}
	if err := c.wait(); err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	return os.RemoveAll(dir)
}

// environment is all that a command finds in its environment.
func environment(epoch int64, extra []string) []string {
	c := exec.Cmd{Env: append([]string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root",
		"LANG=C.UTF-8",
		"TZ=UTC",
		"SOURCE_DATE_EPOCH=" + strconv.FormatInt(epoch, 10),
		"SYSTEMD_OFFLINE=1",
	}, extra...)}
	return c.Environ() // drops all but the last of each key
}

func changesName(i int) string { return fmt.Sprintf("changes-%d.tar", i) }

// request is what the parent tells the child; a Result without the path of
// its changes answers each command.
type request struct {
	Epoch    int64
	InMemory bool // unpack the tree into a tmpfs
	Mounts   []Mount
	InPlace  []InPlace

	Listening bool // outputFD is there
	Commands  []Command
}
