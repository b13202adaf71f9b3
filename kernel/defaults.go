package kernel

// RootModules returns the modules without which a root on EROFS under
// dm-verity cannot be mounted. Their dependencies follow from modules.dep.
func RootModules() []string {
	return []string{"dm-verity", "erofs"}
}

// StorageModules returns the drivers with which an initrd finds the disk on
// usual machines and clouds; those a kernel lacks are to be skipped. Left out
// on purpose: RAID, LVM, network and file systems other than the root's.
func StorageModules() []string {
	return []string{
		"crypto-sha256", // the CPU's own SHA-256; without it verity runs on the kernel's portable C code

		// virtual machines
		"virtio_pci",   // the bus of the virtio disks
		"virtio_mmio",  // the same where there is no PCI: Firecracker, QEMU's microvm
		"virtio_blk",   // /dev/vda
		"virtio_scsi",  // QEMU's virtio-scsi, Google Cloud
		"hv_storvsc",   // Hyper-V and Azure
		"pci-hyperv",   // Azure's NVMe disks sit behind it
		"vmw_pvscsi",   // VMware
		"xen-blkfront", // Xen

		// real machines
		"sd_mod",      // the disk driver of everything SCSI: SATA, USB, virtio_scsi
		"ahci",        // SATA
		"nvme",        // NVMe
		"vmd",         // Intel's Volume Management Device, which hides NVMe disks of laptops
		"xhci-pci",    // USB 3 and later
		"ehci-pci",    // USB 2 of older machines
		"usb-storage", // USB sticks
		"uas",         // fast USB disks
		"mmc_block",   // SD cards and eMMC
		"sdhci-pci",   // their controllers on PCI
		"sdhci-acpi",  // and on Intel's small boards
	}
}
