package builder

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/image"
	"github.com/bocaditos/bocaditos/internal/cachefile"
	"github.com/bocaditos/bocaditos/pkgs"
)

// inputs is all that decides what a build makes.
type inputs struct {
	Recipe string            `json:"recipe"` // the text of image.toml
	Lock   string            `json:"lock"`   // SHA-256
	Files  map[string]string `json:"files"`  // recipe key of a file → digest of what it names
	Tool   string            `json:"tool"`   // SHA-256 of this program
	Epoch  int64             `json:"epoch"`
}

func (b *build) inputs(lock *pkgs.Lock) (*inputs, error) {
	text, err := os.ReadFile(b.Recipe)
	if err != nil {
		return nil, fail(Recipe, err, "")
	}
	in := &inputs{Recipe: string(text), Files: map[string]string{}, Epoch: lock.Epoch().Unix()}
	if b.Epoch != nil {
		in.Epoch = *b.Epoch
	}
	if in.Lock, err = fileDigest(b.lockFile()); err != nil {
		return nil, fail(Packages, err, "")
	}
	if in.Tool, err = fileDigest("/proc/self/exe"); err != nil {
		return nil, fail(Host, err, "")
	}
	for _, f := range b.recipe.Files {
		if f.Source == "" {
			continue
		}
		t, err := readSource(b.recipe.Resolve(f.Source), string(f.Path))
		if err != nil {
			return nil, fail(Recipe, fmt.Errorf("files %q: %w", f.Path, err), "")
		}
		in.Files[fmt.Sprintf("files %q", f.Path)] = t.Digest()
	}
	build := b.recipe.Kernel.Build
	for _, f := range build.Fragments {
		if f.Shipped() {
			continue
		}
		if in.Files[fmt.Sprintf("kernel.build.fragments %q", f)], err = fileDigest(b.recipe.Resolve(recipe.HostPath(f))); err != nil {
			return nil, fail(Recipe, err, "")
		}
	}
	if build.Directory != "" {
		if in.Files["kernel.build.directory"], err = directoryStamp(b.recipe.Resolve(build.Directory)); err != nil {
			return nil, fail(Recipe, fmt.Errorf("kernel.build.directory: %w", err), "")
		}
	}
	return in, nil
}

func fileDigest(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("digest %s: %w", file, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// changed names what differs between the inputs of two builds.
func (in *inputs) changed(old *inputs, file string) []string {
	var what []string
	if in.Recipe != old.Recipe {
		before, err1 := recipe.Parse(file, []byte(old.Recipe))
		now, err2 := recipe.Parse(file, []byte(in.Recipe))
		if err1 != nil || err2 != nil {
			what = append(what, "the recipe")
		} else {
			what = append(what, recipe.Changed(before, now)...)
		}
	}
	if in.Lock != old.Lock {
		what = append(what, "image.lock")
	}
	for key, digest := range in.Files {
		if before, ok := old.Files[key]; ok && before != digest {
			what = append(what, "the source of "+key)
		}
	}
	if in.Tool != old.Tool {
		what = append(what, "bocaditos itself")
	}
	if in.Epoch != old.Epoch && in.Lock == old.Lock {
		what = append(what, "SOURCE_DATE_EPOCH")
	}
	slices.Sort(what)
	return what
}

// A record is what the cache remembers of a build: enough to know that doing
// it again would make the same files, and that the files are still those.
type record struct {
	Inputs *inputs          `json:"inputs"`
	Stamps map[string]stamp `json:"stamps"`
}

// A stamp changes when a file is written to or replaced.
type stamp struct {
	Size    int64 `json:"size"`
	ModTime int64 `json:"mtime"` // nanoseconds
}

func stampOf(file string) (stamp, error) {
	info, err := os.Stat(file)
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.Size(), info.ModTime().UnixNano()}, nil
}

// recordFile is the record's place, by where the image is.
func (b *build) recordFile() (string, error) {
	dir, err := filepath.Abs(b.imageDir())
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join(b.CacheDir, "builds", hex.EncodeToString(sum[:16])+".json"), nil
}

func (b *build) imageDir() string {
	return filepath.Join(b.outDir, string(b.recipe.ID)+"_"+string(b.recipe.Version))
}

// upToDate returns the image that is there if building it again would make the
// same, and otherwise reports why not.
func (b *build) upToDate(in *inputs) *Result {
	dir := b.imageDir()
	because := func(why string) *Result {
		b.Report(Event{Type: Note, Text: "building because " + why})
		return nil
	}
	m, err := image.Read(dir)
	if err != nil {
		if _, err := os.Stat(dir); err != nil {
			return because(dir + " does not exist yet")
		}
		return because(err.Error())
	}
	file, err := b.recordFile()
	if err != nil {
		return because(err.Error())
	}
	var r record
	if data, err := os.ReadFile(file); err != nil || json.Unmarshal(data, &r) != nil || r.Inputs == nil {
		return because("the cache does not know how " + dir + " was made")
	}
	changed := in.changed(r.Inputs, b.Recipe)
	switch {
	case len(changed) > 0:
		return because(strings.Join(changed, ", ") + " changed")
	case b.Force:
		return because("it was asked for (--force)")
	}
	for name, want := range r.Stamps {
		if got, err := stampOf(filepath.Join(dir, name)); err != nil || got != want {
			return because(filepath.Join(dir, name) + " is not as it was built")
		}
	}
	b.Report(Event{Type: Note, Text: dir + " is up to date"})
	return &Result{Manifest: m, Dir: dir, UpToDate: true}
}

// guardState refuses to replace a disk on which a machine keeps its state, as
// far as the record tells; --force does it.
func (b *build) guardState() error {
	m, err := image.Read(b.imageDir())
	if b.Force || err != nil || m.State == (image.State{}) {
		return nil
	}
	disk, err := m.File(image.Disk)
	if err != nil {
		return nil
	}
	file, err := b.recordFile()
	if err != nil {
		return nil
	}
	var r record
	if data, err := os.ReadFile(file); err != nil || json.Unmarshal(data, &r) != nil {
		return nil
	}
	at := filepath.Join(b.imageDir(), disk.File)
	want, known := r.Stamps[disk.File]
	if got, err := stampOf(at); err != nil || !known || got == want {
		return nil
	}
	return fail(Output, fmt.Errorf("%s was written to since it was built: a new one would have an empty state partition", at),
		"--force builds all the same; to keep the state, copy the disk, or give the image another version")
}

// remember writes the record. Without one the next build does more work than
// it must, so failing to write it is no failure of the build.
func (b *build) remember(in *inputs, dir string, m *image.Manifest) {
	r := record{Inputs: in, Stamps: map[string]stamp{}}
	names := []string{image.FileName}
	for _, a := range m.Artifacts {
		names = append(names, a.File)
	}
	for _, name := range names {
		s, err := stampOf(filepath.Join(dir, name))
		if err != nil {
			return
		}
		r.Stamps[name] = s
	}
	file, err := b.recordFile()
	if err != nil {
		return
	}
	data, err := json.Marshal(r)
	if err != nil {
		return
	}
	err = os.MkdirAll(filepath.Dir(file), 0o777)
	if err == nil {
		err = cachefile.Write(file, data, 0o666)
	}
	if err != nil {
		b.warn("the next build will not know that nothing changed: %v", err)
	}
}
