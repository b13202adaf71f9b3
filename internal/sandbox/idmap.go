package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
)

// ids is how many user and group IDs, from 0 on, exist in the sandbox: all
// that fit 16 bits, so also nobody (65534).
const ids = 65536

// mapIDs gives the process pid, which waits in a new user namespace, its user
// and group IDs: for root the same as outside, else root inside is the caller
// outside and the rest are the caller's subordinate IDs.
func mapIDs(pid int) error {
	if os.Geteuid() == 0 {
		for _, kind := range []string{"uid", "gid"} {
			m := fmt.Sprintf("0 0 %d\n", ids)
			if err := os.WriteFile(fmt.Sprintf("/proc/%d/%s_map", pid, kind), []byte(m), 0); err != nil {
				return fmt.Errorf("map IDs: %w; root must own IDs 0 to %d and have CAP_SETUID (in a container: give it more IDs)", err, ids-1)
			}
		}
		return nil
	}
	for _, m := range []struct {
		kind, file, program string
		own                 int
	}{
		{"user", "/etc/subuid", "newuidmap", os.Geteuid()},
		{"group", "/etc/subgid", "newgidmap", os.Getegid()},
	} {
		ranges, err := subordinate(m.file)
		if err != nil {
			return err
		}
		args := append([]string{strconv.Itoa(pid), "0", strconv.Itoa(m.own), "1"}, ranges...)
		out, err := exec.Command(m.program, args...).CombinedOutput()
		if errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("map %s IDs: %s is not installed; as root: apt install uidmap", m.kind, m.program)
		}
		if err != nil {
			return fmt.Errorf("map %s IDs: %s: %w: %s", m.kind, m.program, err, bytes.TrimSpace(out))
		}
	}
	return nil
}

// subordinate reads from file (subuid(5)) the caller's ranges, as arguments
// for newuidmap that map them from 1 to ids-1.
func subordinate(file string) ([]string, error) {
	uid := strconv.Itoa(os.Geteuid())
	name := uid
	if u, err := user.LookupId(uid); err == nil {
		name = u.Username
	}
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	args, missing := idRanges(string(data), name, uid)
	if missing > 0 {
		return nil, fmt.Errorf("map IDs: %s gives %s %d subordinate IDs too few; as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s (with a range that nobody else has)",
			file, name, missing, name)
	}
	return args, nil
}

// idRanges returns the mapping, and how many IDs it lacks.
func idRanges(file, name, uid string) (args []string, missing int) {
	next := 1
	for line := range strings.Lines(file) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 3 || f[0] != name && f[0] != uid {
			continue
		}
		start, err1 := strconv.Atoi(f[1])
		count, err2 := strconv.Atoi(f[2])
		if err1 != nil || err2 != nil || count <= 0 || next == ids {
			continue
		}
		count = min(count, ids-next)
		args = append(args, strconv.Itoa(next), strconv.Itoa(start), strconv.Itoa(count))
		next += count
	}
	return args, ids - next
}
