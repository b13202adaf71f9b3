package main

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// root is what /etc/bocaditos/root says: which root to boot, and how to know
// it. The partitions' UUIDs and all parameters of dm-verity follow from the
// root hash and the superblock, so that nothing can be said twice.
type root struct {
	hash       []byte
	superblock []byte        // what must be at the start of the verity partition
	dataType   string        // partition type UUID of the root
	hashType   string        // partition type UUID of its verity partition
	halt       bool          // on corruption and other failures, instead of rebooting
	wait       time.Duration // for the disk
	name       string        // of the device-mapper device
	next       string        // the program to start
	modules    string        // the directory in the root whose lib/modules has the kernel's; empty: the root itself
}

// maxWait keeps a mistyped number from looking like a hang.
const maxWait = 3600

// parseRoot reads "key value" lines: each key once, none but modules missing, none unknown.
func parseRoot(text string) (root, error) {
	values := map[string]string{}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		key, value, _ := strings.Cut(line, " ")
		if value == "" {
			return root{}, errors.New("line without a value: " + strconv.Quote(line))
		}
		if values[key] != "" {
			return root{}, errors.New("second line for " + key)
		}
		values[key] = value
	}
	take := func(key string) string {
		v := values[key]
		delete(values, key)
		return v
	}
	hash, err1 := decodeHex(take("root-hash"))
	super, err2 := decodeHex(take("superblock"))
	wait, err3 := strconv.Atoi(take("wait"))
	policy := take("on-corruption")
	r := root{
		hash:       hash,
		superblock: super,
		dataType:   take("root-type"),
		hashType:   take("verity-type"),
		halt:       policy == "halt",
		wait:       time.Duration(wait) * time.Second,
		name:       take("name"),
		next:       take("exec"),
		modules:    take("modules"),
	}
	for key := range values {
		return root{}, errors.New("unknown setting " + strconv.Quote(key))
	}
	switch {
	case err1 != nil || len(r.hash) < 32 || len(r.hash) > 64:
		return root{}, errors.New("root-hash: need 32 to 64 bytes in hexadecimal")
	case err2 != nil || len(r.superblock) != superblockSize:
		return root{}, errors.New("superblock: need 512 bytes in hexadecimal")
	case !isUUID(r.dataType):
		return root{}, errors.New("root-type: not a lower-case UUID")
	case !isUUID(r.hashType):
		return root{}, errors.New("verity-type: not a lower-case UUID")
	case policy != "reboot" && policy != "halt":
		return root{}, errors.New("on-corruption: neither reboot nor halt")
	case err3 != nil || wait < 1 || wait > maxWait:
		return root{}, errors.New("wait: need 1 to 3600 seconds")
	case r.name == "" || len(r.name) > 127 || strings.Contains(r.name, "/"):
		return root{}, errors.New("name: not a device-mapper name")
	case !strings.HasPrefix(r.next, "/"):
		return root{}, errors.New("exec: not an absolute path")
	case r.modules != "" && !strings.HasPrefix(r.modules, "/"):
		return root{}, errors.New("modules: not an absolute path")
	}
	return r, nil
}

// dataUUID and hashUUID are the partitions' UUIDs: the first and the last 128
// bits of the root hash, as the Discoverable Partitions Specification has it.
func (r root) dataUUID() string { return formatUUID(r.hash[:16]) }
func (r root) hashUUID() string { return formatUUID(r.hash[len(r.hash)-16:]) }

// formatUUID writes 16 bytes in the order they are read.
func formatUUID(b []byte) string {
	s := encodeHex(b)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

func isUUID(s string) bool {
	b, err := decodeHex(strings.ReplaceAll(s, "-", ""))
	return err == nil && len(b) == 16 && formatUUID(b) == s
}
