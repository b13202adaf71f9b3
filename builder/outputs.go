package builder

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/bocaditos/bocaditos/builder/recipe"
	"github.com/bocaditos/bocaditos/disk"
	"github.com/bocaditos/bocaditos/image"
	"github.com/bocaditos/bocaditos/kernel"
	"github.com/bocaditos/bocaditos/tree"
)

func (b *build) fileName(suffix string) string {
	return string(b.recipe.ID) + "_" + string(b.recipe.Version) + suffix
}

// outputs writes the files that the recipe asks for and fills in the
// manifest's artifacts; what was only needed on the way is removed.
func (b *build) outputs(out *outputDir, root *assembled, k kernel.Kernel, ri *rootImage, ukiFile string, initrdFile []byte, m *image.Manifest) (string, bool, error) {
	wanted := map[recipe.Kind]bool{}
	for _, kind := range b.recipe.Output.Kinds {
		wanted[kind] = true
	}
	var total int64
	add := func(kind image.Kind, name string) error {
		a, err := image.Describe(kind, out.path(name))
		m.Artifacts = append(m.Artifacts, a)
		total += a.Size
		return err
	}
	addOrRemove := func(keep bool, kind image.Kind, name string) error {
		if !keep {
			return os.Remove(out.path(name))
		}
		return add(kind, name)
	}
	if wanted[recipe.Disk] {
		m.Kinds = append(m.Kinds, "efi")
		name := b.fileName(".raw")
		if err := b.writeDisk(out, name, ri, ukiFile, m.Epoch); err != nil {
			return "", false, err
		}
		if err := add(image.Disk, name); err != nil {
			return "", false, err
		}
	}
	if wanted[recipe.KernelFiles] {
		m.Kinds = append(m.Kinds, "kernel")
		vmlinuz, err := tree.ReadAll(k.Image)
		if err != nil {
			return "", false, err
		}
		if err := out.write(b.fileName(".vmlinuz"), vmlinuz); err != nil {
			return "", false, err
		}
		if err := out.write(b.fileName(".initrd"), initrdFile); err != nil {
			return "", false, err
		}
		if err := add(image.Kernel, b.fileName(".vmlinuz")); err != nil {
			return "", false, err
		}
		if err := add(image.Initrd, b.fileName(".initrd")); err != nil {
			return "", false, err
		}
	}
	if err := addOrRemove(wanted[recipe.UKI], image.UKI, ukiFile); err != nil {
		return "", false, err
	}
	if err := addOrRemove(wanted[recipe.RootImage], image.Root, ri.file); err != nil {
		return "", false, err
	}
	if err := addOrRemove(wanted[recipe.Verity], image.Verity, ri.hashFile); err != nil {
		return "", false, err
	}
	if err := out.write(b.fileName(".roothash"), []byte(m.RootFS.Hash+"\n")); err != nil {
		return "", false, err
	}
	if err := add(image.RootHash, b.fileName(".roothash")); err != nil {
		return "", false, err
	}
	if k.ConfigFile != nil {
		text, err := tree.ReadAll(k.ConfigFile)
		if err != nil {
			return "", false, err
		}
		if err := out.write(b.fileName(".config"), text); err != nil {
			return "", false, err
		}
		if err := add(image.Config, b.fileName(".config")); err != nil {
			return "", false, err
		}
	}
	if err := b.writeOriginsFile(out, root); err != nil {
		return "", false, err
	}
	if err := add(image.Origins, b.fileName(".origins.jsonl")); err != nil {
		return "", false, err
	}
	return fmt.Sprintf("%d files, %s", len(m.Artifacts), FormatBytes(total)), false, nil
}

func (b *build) writeOriginsFile(out *outputDir, root *assembled) error {
	f, err := os.Create(out.path(b.fileName(".origins.jsonl")))
	if err != nil {
		return err
	}
	defer f.Close()
	return writeOrigins(f, root.tree, root.leftOut)
}

// writeDisk makes the GPT disk: ESP, root, root-verity.
func (b *build) writeDisk(out *outputDir, name string, ri *rootImage, ukiFile string, epoch int64) error {
	arch := goArch[b.recipe.Architecture]
	types, err := disk.RootTypesFor(arch.name)
	if err != nil {
		return err
	}
	hash := ri.params.RootHash.String()
	info, err := os.Stat(out.path(ukiFile))
	if err != nil {
		return err
	}
	esp, err := disk.NewESP([]disk.ESPFile{{
		Path: "EFI/BOOT/" + arch.efi, Size: info.Size(),
		Open: func() (io.ReadCloser, error) { return os.Open(out.path(ukiFile)) },
	}}, disk.ESPOptions{
		VolumeID: binary.BigEndian.Uint32(derive(4, "esp volume", hash)),
		Label:    "ESP", Epoch: time.Unix(epoch, 0),
	})
	if err != nil {
		return err
	}
	data, err := os.Open(out.path(ri.file))
	if err != nil {
		return err
	}
	defer data.Close()
	hashTree, err := os.Open(out.path(ri.hashFile))
	if err != nil {
		return err
	}
	defer hashTree.Close()
	f, err := os.Create(out.path(name))
	if err != nil {
		return err
	}
	defer f.Close()
	label := string(b.recipe.Version)
	_, err = disk.Write(f, disk.Layout{ID: deriveUUID("disk", hash), Free: int64(b.recipe.State.Size), Partitions: []disk.Partition{
		{Type: disk.TypeESP, UUID: deriveUUID("esp", hash), Label: "esp", Content: esp},
		{Type: types.Root, UUID: ri.dataUUID, Label: partitionLabel(string(b.recipe.ID), label, ""), Attributes: disk.ReadOnly, Content: disk.Reader(data, ri.size)},
		{Type: types.Verity, UUID: ri.hashUUID, Label: partitionLabel(string(b.recipe.ID), label, "-verity"), Attributes: disk.ReadOnly, Content: disk.Reader(hashTree, ri.hashSize)},
	}})
	return err
}

// partitionLabel is ID_VERSION, by which systemd-sysupdate finds the version of a
// partition, cut so that what tells partitions apart stays.
func partitionLabel(id, version, suffix string) string {
	const limit = 36 // UTF-16 units in a GPT entry; ids and versions are ASCII
	tail := "_" + version
	tail = tail[:min(len(tail), limit-len(suffix)-1)] + suffix
	return id[:min(len(id), limit-len(tail))] + tail
}
