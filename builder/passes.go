package builder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/bocaditos/bocaditos/internal/cachefile"
	"github.com/bocaditos/bocaditos/internal/sandbox"
	"github.com/bocaditos/bocaditos/pkgs"
	"github.com/bocaditos/bocaditos/systemd"
	"github.com/bocaditos/bocaditos/systemd/sysusers"
	"github.com/bocaditos/bocaditos/tree"
)

// passesVersion changes when the sandbox's behaviour does, so that results of
// an older version are not taken for those of this one.
const passesVersion = "3"

// passes runs the image's own tools on the root and brings back what they
// changed. Their results are in the cache under all that goes into them: the
// root and the commands.
func (b *build) passes(ctx context.Context, root *tree.Tree, lock *pkgs.Lock, sets map[string][]*pkgs.Package, epoch int64) error {
	if err := systemd.CheckUsers(root, b.prefix); err != nil {
		return fail(Content, fmt.Errorf("users and groups clash:\n%w", err), "a file of the same name in /etc/sysusers.d, made by [[files]], is read instead of the package's")
	}
	input, options := root, b.systemdOptions()
	var shown []sandbox.InPlace
	if b.perPackage() {
		input = root.Clone()
		if err := b.addTools(input, sets[toolSet]); err != nil {
			return err
		}
		var err error
		if options.LinkerCache, err = b.linkerCache(root, sets[rootSet]); err != nil {
			return fail(Content, err, "")
		}
		shown = inPlace(input, slices.Concat(sets[rootSet], sets[toolSet]), options.LinkerCache.File)
	}
	commands, err := systemd.Passes(input, options)
	if err != nil {
		return fail(Content, err, "")
	}
	return b.stage(ctx, "passes", func() (string, bool, error) {
		input := input.Clone()
		if a := lock.Accounts; a != nil {
			if err := systemd.PinAccounts(input, b.prefix, sysusers.Accounts(*a)); err != nil {
				return "", false, fail(Content, err, "")
			}
		}
		results, cached, err := b.run(ctx, input, commands, shown, epoch)
		if err != nil {
			return "", false, err
		}
		changes := 0
		for i, r := range results {
			name := commands[i].Name
			if err := systemd.Failure(name, r.ExitCode, r.Output); err != nil {
				return "", false, fail(Content, err, "")
			}
			for _, w := range systemd.Warnings(name, r.Output) {
				b.warn("%s", w)
			}
			changed, err := systemd.Apply(root, b.prefix, name, r)
			if err != nil {
				return "", false, fail(Content, fmt.Errorf("take over the changes of %s: %w", name, err), "")
			}
			changes += len(changed)
		}
		if err := b.keepAccounts(root, lock); err != nil {
			return "", false, err
		}
		warnings, err := systemd.Finish(root, b.systemdOptions())
		if err != nil {
			return "", false, fail(Content, err, "")
		}
		for _, w := range warnings {
			b.warn("%s", w)
		}
		return fmt.Sprintf("%d tools changed %d paths", len(results), changes), cached, nil
	})
}

// keepAccounts writes the numbers that systemd-sysusers chose into the lock.
func (b *build) keepAccounts(root *tree.Tree, lock *pkgs.Lock) error {
	if b.Locked {
		return nil // they are what they will be when the lock is written
	}
	var a sysusers.Accounts
	if lock.Accounts != nil {
		a = sysusers.Accounts{Users: maps.Clone(lock.Accounts.Users), Groups: maps.Clone(lock.Accounts.Groups)}
	}
	if err := systemd.ChosenAccounts(root, b.prefix, &a); err != nil {
		return fail(Content, fmt.Errorf("read the users that were made: %w", err), "")
	}
	kept := pkgs.Accounts(a)
	if lock.Accounts != nil && reflect.DeepEqual(*lock.Accounts, kept) {
		return nil
	}
	lock.Accounts = &kept
	return fail(Output, lock.Write(b.lockFile()), "")
}

// run runs the commands in the root, or finds in the cache what came of that.
func (b *build) run(ctx context.Context, root *tree.Tree, commands []sandbox.Command, shown []sandbox.InPlace, epoch int64) (results []sandbox.Result, cached bool, err error) {
	dir, err := b.passesDir(root, commands, epoch)
	if err != nil {
		return nil, false, err
	}
	results, cached = readResults(dir)
	if !cached {
		if results, err = b.runPasses(ctx, root, commands, shown, epoch, dir); err != nil {
			return nil, false, err
		}
	}
	for i := range results {
		results[i].Changes = filepath.Join(dir, results[i].Changes)
	}
	return results, cached, nil
}

func (b *build) passesDir(root *tree.Tree, commands []sandbox.Command, epoch int64) (string, error) {
	key, err := json.Marshal([]any{passesVersion, root.Digest(), commands, epoch})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(key)
	return filepath.Join(b.CacheDir, "passes", hex.EncodeToString(sum[:])), nil
}

// resultsFile is written last into a directory of results.
const resultsFile = "results.json"

func readResults(dir string) (results []sandbox.Result, ok bool) {
	data, err := os.ReadFile(filepath.Join(dir, resultsFile))
	return results, err == nil && json.Unmarshal(data, &results) == nil
}

// runPasses runs the commands and leaves their results in dir, whole or not
// at all.
func (b *build) runPasses(ctx context.Context, root *tree.Tree, commands []sandbox.Command, shown []sandbox.InPlace, epoch int64, dir string) ([]sandbox.Result, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return nil, fail(Host, err, "")
	}
	b.sweep(filepath.Dir(dir))
	work, err := os.MkdirTemp(filepath.Dir(dir), partialPrefix)
	if err != nil {
		return nil, fail(Host, err, "")
	}
	lock, err := cachefile.TryLock(work + ".lock")
	if err != nil {
		return nil, fail(Host, err, "")
	}
	defer func() {
		sandbox.Remove(work)
		os.Remove(lock.Name())
		lock.Close()
	}()
	results, err := sandbox.Run(ctx, root, commands, sandbox.Options{Dir: work, Epoch: epoch, InPlace: shown})
	if err != nil {
		return nil, fail(Host, err, "bocaditos doctor says what this machine lacks")
	}
	for i := range results { // work is about to get another name
		if results[i].Changes, err = filepath.Rel(work, results[i].Changes); err != nil {
			return nil, err
		}
	}
	data, err := json.Marshal(results)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(work, resultsFile), data, 0o666); err != nil {
		return nil, fail(Host, err, "")
	}
	if err := os.Rename(work, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fail(Host, err, "")
	}
	return results, nil
}

// trySandbox finds out whether tools can be run at all on this machine, before
// anything is downloaded.
func (b *build) trySandbox(ctx context.Context) error {
	if err := os.MkdirAll(b.CacheDir, 0o777); err != nil {
		return fail(Host, err, "choose another cache with --cache")
	}
	dir, err := os.MkdirTemp(b.CacheDir, "try-*")
	if err != nil {
		return fail(Host, err, "choose another cache with --cache")
	}
	defer sandbox.Remove(dir)
	_, err = sandbox.Run(ctx, tree.New(), nil, sandbox.Options{Dir: dir})
	return fail(Host, err, "bocaditos doctor says what this machine lacks")
}

const partialPrefix = ".partial-"

// sweep removes what killed builds left: partial results whose lock nobody
// holds.
func (b *build) sweep(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, partialPrefix+"*.lock"))
	for _, name := range left {
		lock, err := cachefile.TryLock(name)
		if err != nil {
			continue // at work
		}
		sandbox.Remove(name[:len(name)-len(".lock")])
		os.Remove(name)
		lock.Close()
	}
}
