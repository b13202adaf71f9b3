package builder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/image"
	"github.com/bocaditos/bocaditos/internal/cachefile"
	"github.com/bocaditos/bocaditos/internal/sandbox"
	"github.com/bocaditos/bocaditos/kernel"
	"github.com/bocaditos/bocaditos/kernel/kbuild"
	"github.com/bocaditos/bocaditos/kernel/kconfig"
	"github.com/bocaditos/bocaditos/pkgs"
	"github.com/bocaditos/bocaditos/tree"
)

// kernelVersion changes when the way kernels are made does, so that those of
// an older version are not taken for those of this one.
const kernelVersion = "1"

// A madeKernel is a kernel that the recipe has made, and its place in the cache,
// named by all that decides about its bytes.
type madeKernel struct {
	settings []kconfig.Setting
	arch     string // as GOARCH names it
	source   kernelSource
	tools    []pkgs.Locked
	key      string
	dir      string // has the kernel, whole, or does not exist
	work     string // has what was compiled so far

	text   []byte // its configuration, whole, once that is known
	config kconfig.Config
}

// The files of a finished kernel in the cache.
const (
	imageFile   = "vmlinuz"
	configFile  = "config"
	releaseFile = "release" // what uname -r will say
	logFile     = "build.log"
)

// kernelSettings reads and merges what the recipe asks of its kernel.
func (b *build) kernelSettings() ([]kconfig.Setting, error) {
	wanted := b.recipe.Kernel.Build
	asked := KernelSettings{Arch: goArch[b.recipe.Architecture].name}
	if wanted.Fragments != nil {
		asked.Fragments = []string{}
	}
	for _, name := range wanted.Fragments {
		if !name.Shipped() {
			name = recipe.Fragment(b.recipe.Resolve(recipe.HostPath(name)))
			if name.Shipped() {
				name = "./" + name // stays a path
			}
		}
		asked.Fragments = append(asked.Fragments, string(name))
	}
	for _, option := range wanted.Options {
		asked.Options = append(asked.Options, string(option))
	}
	return asked.merge("kernel.build.")
}

// planKernel finds out which kernel is to be made, and where in the cache it
// is or will be. It returns nil if the recipe takes one from a package.
func (b *build) planKernel(lock *pkgs.Lock) (*madeKernel, error) {
	if !b.recipe.Kernel.Build.Wanted() {
		return nil, nil
	}
	k := &madeKernel{settings: b.settings, arch: goArch[b.recipe.Architecture].name}
	var err error
	if k.source, err = b.kernelSource(lock); err != nil {
		return nil, err
	}
	var tools []string
	for _, p := range lock.Packages {
		if p.In(toolsSet) {
			k.tools = append(k.tools, p)
			tools = append(tools, p.SHA256)
		}
	}
	slices.Sort(tools)
	key, err := json.Marshal([]any{kernelVersion, b.kernelJob(k).Flags(), k.source.id, tools, string(kconfig.Format(k.settings))})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(key)
	k.key = hex.EncodeToString(sum[:16])
	k.dir = filepath.Join(b.CacheDir, "kernels", k.key)
	k.work = k.dir + ".work"
	return k, nil
}

// planned is what is known of the kernel before it is compiled.
func (k *madeKernel) planned() kernel.Kernel { return kernel.Kernel{Arch: k.arch, Config: k.config} }

// on is how many options are.
func (k *madeKernel) on() (n int) {
	for _, value := range k.config {
		if value == "y" {
			n++
		}
	}
	return n
}

// finished says whether the cache has the kernel.
func (k *madeKernel) finished() bool {
	_, err := os.Stat(k.dir)
	return err == nil
}

func (b *build) kernelJob(k *madeKernel) kbuild.Job {
	return kbuild.Job{
		Source: k.source.dir, Objects: filepath.Join(k.work, "objects"), Scratch: filepath.Join(k.work, "scratch"),
		Machine: runtime.GOARCH, Arch: k.arch, Compiler: string(b.recipe.Kernel.Build.Compiler),
	}
}

// only is the lock without packages that are in none of the sets.
func only(lock *pkgs.Lock, sets ...string) *pkgs.Lock {
	l := *lock
	l.Packages = slices.DeleteFunc(slices.Clone(lock.Packages), func(p pkgs.Locked) bool {
		return !slices.ContainsFunc(sets, p.In)
	})
	return &l
}

// lockKernel keeps other builds from making the same kernel, and makes the
// directories to work in.
func (b *build) lockKernel(ctx context.Context, k *madeKernel) (unlock func(), err error) {
	lock, err := cachefile.TryLock(k.dir + ".lock")
	if errors.Is(err, unix.EWOULDBLOCK) {
		b.Report(Event{Type: Note, Text: "another build is making this kernel; waiting for it"})
		lock, err = cachefile.Lock(ctx, k.dir+".lock")
	}
	if err != nil {
		return nil, fail(Host, err, "")
	}
	sandbox.Remove(filepath.Join(k.work, "scratch")) // what a killed build left
	sweepKernels(filepath.Dir(k.dir))
	for _, dir := range []string{"objects", "scratch"} {
		if err := os.MkdirAll(filepath.Join(k.work, dir), 0o777); err != nil {
			lock.Close()
			return nil, fail(Host, err, "")
		}
	}
	return func() {
		if k.finished() {
			sandbox.Remove(k.work)
		}
		os.Remove(lock.Name())
		lock.Close()
	}, nil
}

// abandoned is how long what was compiled of a kernel is kept for going on.
const abandoned = 7 * 24 * time.Hour

// sweepKernels removes unfinished kernels that nobody came back to.
func sweepKernels(dir string) {
	unfinished, _ := filepath.Glob(filepath.Join(dir, "*.work"))
	for _, work := range unfinished {
		if info, err := os.Stat(filepath.Join(work, "objects")); err != nil || time.Since(info.ModTime()) < abandoned {
			continue
		}
		lock, err := cachefile.TryLock(strings.TrimSuffix(work, ".work") + ".lock")
		if err != nil {
			continue // at work
		}
		sandbox.Remove(work)
		os.Remove(lock.Name())
		lock.Close()
	}
}

// configureKernel finds out the configuration of the kernel, and whether it is
// what was asked for.
func (b *build) configureKernel(ctx context.Context, k *madeKernel) error {
	if !k.finished() {
		if err := b.unpackSource(ctx, k.source); err != nil {
			return err
		}
	}
	return b.stage(ctx, "configure", func() (string, bool, error) {
		cached := k.finished()
		var err error
		if cached {
			k.text, err = os.ReadFile(filepath.Join(k.dir, configFile))
		} else {
			k.text, cached, err = b.runConfigure(ctx, k)
		}
		if err != nil {
			return "", false, fail(Host, err, "")
		}
		if k.config, err = kconfig.Read(bytes.NewReader(k.text)); err != nil {
			return "", false, fail(Content, fmt.Errorf("read the kernel's configuration: %w", err), "")
		}
		return fmt.Sprintf("%d options asked for, %d on", len(k.settings), k.on()), cached, nil
	})
}

// runConfigure has make configure the kernel and checks what came of it. What
// passed is kept beside the objects, for when the build goes on.
func (b *build) runConfigure(ctx context.Context, k *madeKernel) (text []byte, cached bool, err error) {
	passed := filepath.Join(k.work, configFile)
	if text, err := os.ReadFile(passed); err == nil {
		return text, true, nil
	}
	if text, err = b.configureAnew(ctx, k); err != nil {
		return nil, false, err
	}
	return text, false, cachefile.Write(passed, text, 0o666)
}

func (b *build) configureAnew(ctx context.Context, k *madeKernel) ([]byte, error) {
	unlock, err := b.lockKernel(ctx, k)
	if err != nil {
		return nil, err
	}
	defer unlock()
	job := b.kernelJob(k)
	if job.Tools, err = b.kernelTools(ctx, k); err != nil {
		return nil, err
	}
	text, err := job.Configure(ctx, kconfig.Format(k.settings))
	if err != nil {
		return nil, makeFailure(err)
	}
	if err := checkKernelConfig(k.settings, k.source.dir, job.Arch, text); err != nil {
		return nil, err
	}
	return text, nil
}

// makeFailure says whose mistake it is that make failed.
func makeFailure(err error) error {
	if e := (*kbuild.Error)(nil); errors.As(err, &e) {
		return fail(Content, err, "")
	}
	return fail(Host, err, "bocaditos doctor says what this machine lacks")
}

// kernelTools is the root that the kernel is compiled in.
func (b *build) kernelTools(ctx context.Context, k *madeKernel) (*tree.Tree, error) {
	var packages []*pkgs.Package
	for _, p := range k.tools {
		opened, err := b.source.Open(ctx, p)
		if err != nil {
			return nil, fail(Packages, err, "")
		}
		packages = append(packages, opened)
	}
	t, err := mergePackages(packages)
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{"/usr/share/doc", "/usr/share/man", "/usr/share/info", "/usr/share/locale"} {
		if t.Lookup(dir) == nil {
			continue
		}
		if err := t.Remove(dir); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// makeKernel compiles the kernel, unless the cache has it, and opens it.
func (b *build) makeKernel(ctx context.Context, k *madeKernel) (kernel.Kernel, error) {
	var made kernel.Kernel
	err := b.stage(ctx, "kernel", func() (string, bool, error) {
		cached := k.finished()
		if !cached {
			if err := b.compile(ctx, k); err != nil {
				return "", false, err
			}
		}
		var err error
		if made, err = k.open(); err != nil {
			return "", false, fail(Content, err, "")
		}
		return fmt.Sprintf("Linux %s, %s", made.Version, FormatBytes(made.Image.Size())), cached, nil
	})
	return made, err
}

// filesPerOption is how many files make makes for each option that is on: from
// the smallest kernel to one with all fragments it was 2.4 to 2.6.
const filesPerOption = 2.5

func (b *build) compile(ctx context.Context, k *madeKernel) error {
	unlock, err := b.lockKernel(ctx, k)
	if err != nil {
		return err
	}
	defer unlock()
	if k.finished() { // another build was faster
		return nil
	}
	job := b.kernelJob(k)
	if job.Tools, err = b.kernelTools(ctx, k); err != nil {
		return err
	}
	logName := filepath.Join(k.work, logFile)
	log, err := os.OpenFile(logName, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o666)
	if err != nil {
		return fail(Host, err, "")
	}
	defer log.Close()
	// An estimate: make finds out what there is to do while it does it.
	about := int(float64(k.on()) * filesPerOption)
	progress := &kbuild.Progress{}
	before, err := io.Copy(progress, log)
	if err != nil {
		return fail(Host, err, "")
	}
	progress.Step = func(files int, file string) {
		b.Report(Event{Type: Progress, Stage: "kernel", Done: int64(files), Total: int64(max(files, about)), Unit: "files", Text: file})
	}
	job.Output = io.MultiWriter(log, progress)
	text := "compiling the kernel, about %d files, for minutes to hours"
	if before > 0 {
		text = "going on with the kernel, about %d files in all"
	}
	b.Report(Event{Type: Note, Text: fmt.Sprintf(text, about) + "; what make says is in " + logName})
	image, err := job.Compile(ctx)
	if ctx.Err() != nil {
		b.Report(Event{Type: Note, Text: "what was compiled stays in the cache; the next build goes on from there"})
		return ctx.Err()
	}
	if err != nil {
		return makeFailure(err)
	}
	return fail(Host, k.keep(job.Objects, image), "")
}

// keep moves what of the objects is wanted to its place, whole or not at all.
func (k *madeKernel) keep(objects, image string) error {
	result := filepath.Join(k.work, "result")
	if err := os.RemoveAll(result); err != nil {
		return err
	}
	if err := os.Mkdir(result, 0o777); err != nil {
		return err
	}
	for _, f := range [][2]string{
		{image, imageFile},
		{filepath.Join(objects, ".config"), configFile},
		{filepath.Join(objects, "include/config/kernel.release"), releaseFile},
		{filepath.Join(k.work, logFile), logFile},
	} {
		to := filepath.Join(result, f[1])
		if err := os.Rename(f[0], to); err != nil {
			return err
		}
		if err := syncPath(to); err != nil {
			return err
		}
	}
	if err := syncPath(result); err != nil {
		return err
	}
	if err := os.Rename(result, k.dir); err != nil {
		return err
	}
	return syncPath(filepath.Dir(k.dir))
}

// open reads a finished kernel.
func (k *madeKernel) open() (kernel.Kernel, error) {
	release, err := os.ReadFile(filepath.Join(k.dir, releaseFile))
	if err != nil {
		return kernel.Kernel{}, err
	}
	version := strings.TrimSpace(string(release))
	t := tree.New()
	for name, at := range map[string]string{imageFile: "vmlinuz-", configFile: "config-"} {
		file := filepath.Join(k.dir, name)
		info, err := os.Stat(file)
		if err != nil {
			return kernel.Kernel{}, err
		}
		content := tree.Slice(file, 0, info.Size(), "kernel "+k.key+" "+name)
		if err := t.Put("/boot/"+at+version, tree.NewFile(0o644, content, tree.Origin{Pass: "kernel"})); err != nil {
			return kernel.Kernel{}, err
		}
	}
	return kernel.Find(t)
}

// describe says what the kernel was made of.
func (k *madeKernel) describe() image.KernelBuild {
	if k == nil {
		return image.KernelBuild{}
	}
	d := image.KernelBuild{Source: k.source.name, Compiler: strings.Trim(k.config["CC_VERSION_TEXT"], `"`)}
	for _, s := range k.settings {
		d.Settings = append(d.Settings, s.Symbol+"="+s.Value)
	}
	return d
}

// directoryStamp changes when a file below dir does: its size, time or mode.
// Reading a gigabyte of source at each build would take too long.
func directoryStamp(dir string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(h, "%q %d %d %d\n", p, info.Size(), info.ModTime().UnixNano(), info.Mode())
		return err
	})
	return hex.EncodeToString(h.Sum(nil)), err
}
