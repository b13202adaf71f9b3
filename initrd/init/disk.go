package main

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"time"
)

// A device is a block device, as /dev/NAME and as the kernel numbers it.
type device struct {
	name   string
	number string // "major:minor"
}

// A pair is the two partitions of one disk that make up the root.
type pair struct{ data, hash device }

const (
	pollInterval = 20 * time.Millisecond
	patience     = 2 * time.Second // before a word about what is being waited for
)

// waitForDisk looks for a disk that has the root's two partitions until it
// finds one or the time is over. Disks appear when their drivers are ready,
// and USB disks long after that.
func waitForDisk(r root) (pair, error) {
	start := time.Now()
	told := false
	for {
		found, looked, err := scanDisks(r)
		if err != nil || found != nil {
			if found == nil {
				found = &pair{}
			}
			return *found, err
		}
		wanted := "partitions " + r.dataUUID() + " (root) and " + r.hashUUID() + " (verity)"
		switch waited := time.Since(start); {
		case waited > r.wait:
			if len(looked) == 0 {
				looked = []string{"none"}
			}
			return pair{}, errors.New("no disk with " + wanted + " within " + r.wait.String() + "; disks: " + strings.Join(looked, ", "))
		case waited > patience && !told:
			told = true
			say("waiting for a disk with " + wanted)
		}
		time.Sleep(pollInterval)
	}
}

// scanDisks looks at every disk once. Where it finds none it says of each disk
// why not.
func scanDisks(r root) (found *pair, looked []string, err error) {
	disks, err := os.ReadDir("/sys/block")
	if err != nil {
		return nil, nil, err
	}
	for _, d := range disks {
		disk := d.Name()
		size := sysUint("/sys/block/" + disk + "/size")
		if size == 0 || isVirtual(disk) { // no medium yet, or nothing that could hold partitions of ours
			continue
		}
		p, err := inspect(disk, int64(size)*512, r)
		if err == nil {
			return &p, nil, nil
		}
		looked = append(looked, disk+" ("+err.Error()+")")
	}
	return nil, looked, nil
}

func isVirtual(disk string) bool {
	for _, prefix := range []string{"loop", "ram", "zram", "dm-", "md"} {
		if strings.HasPrefix(disk, prefix) {
			return true
		}
	}
	return false
}

func inspect(disk string, size int64, r root) (pair, error) {
	f, err := os.Open(devPath(disk))
	if err != nil {
		return pair{}, err
	}
	defer f.Close()
	block := int(sysUint("/sys/block/" + disk + "/queue/logical_block_size"))
	parts, err := readGPT(f, size, block)
	if err != nil {
		return pair{}, err
	}
	data, err := choose(parts, r.dataUUID(), r.dataType)
	if err != nil {
		return pair{}, err
	}
	hash, err := choose(parts, r.hashUUID(), r.hashType)
	if err != nil {
		return pair{}, err
	}
	var p pair
	if p.data, err = kernelPartition(disk, data, block); err != nil {
		return pair{}, err
	}
	p.hash, err = kernelPartition(disk, hash, block)
	return p, err
}

// choose returns the partition with that UUID, which must have that type.
func choose(parts []partition, uuid, typ string) (partition, error) {
	for _, p := range parts {
		if p.uuid != uuid {
			continue
		}
		if p.typ != typ {
			return partition{}, errors.New("partition " + strconv.Itoa(p.number) + " has type " + p.typ + ", not " + typ)
		}
		return p, nil
	}
	return partition{}, errors.New("partition " + uuid + " not among its " + strconv.Itoa(len(parts)))
}

// kernelPartition returns the kernel's device of a partition, once it has one.
func kernelPartition(disk string, p partition, block int) (device, error) {
	sys := "/sys/block/" + disk + "/"
	entries, err := os.ReadDir(sys)
	if err != nil {
		return device{}, err
	}
	for _, e := range entries {
		dir := sys + e.Name()
		if sysUint(dir+"/partition") != uint64(p.number) {
			continue
		}
		scale := uint64(block) / 512 // sysfs counts in 512 bytes
		if sysUint(dir+"/start") != p.first*scale || sysUint(dir+"/size") != p.size*scale {
			return device{}, errors.New("the kernel has partition " + strconv.Itoa(p.number) + " elsewhere")
		}
		number, err := os.ReadFile(dir + "/dev")
		return device{strings.ReplaceAll(e.Name(), "!", "/"), strings.TrimSpace(string(number))}, err
	}
	return device{}, errors.New("the kernel does not show partition " + strconv.Itoa(p.number))
}

// devPath is where devtmpfs has a disk; sysfs writes "!" for "/" in names.
func devPath(name string) string { return "/dev/" + strings.ReplaceAll(name, "!", "/") }

// sysUint reads a number from sysfs; what is not there counts as 0.
func sysUint(file string) uint64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n
}
