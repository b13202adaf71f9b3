package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// withHint adds to a refusal of the kernel the setting that most likely
// caused it.
func withHint(err error) error {
	hint := ""
	switch {
	case errors.Is(err, syscall.ENOSPC) || sysctl("user/max_user_namespaces") == "0":
		hint = "the limit on user namespaces is reached; as root: sysctl user.max_user_namespaces=10000"
	case !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EACCES) && !errors.Is(err, syscall.EINVAL):
		return err
	case os.Geteuid() != 0 && sysctl("kernel/unprivileged_userns_clone") == "0":
		hint = "user namespaces are for root only here; as root: sysctl kernel.unprivileged_userns_clone=1"
	case sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1":
		hint = "AppArmor restricts user namespaces; give this program a profile with \"userns\", or as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0"
	default:
		hint = "this needs user namespaces, which a container or a chroot may forbid"
	}
	return fmt.Errorf("%w (%s)", err, hint)
}

func sysctl(name string) string {
	b, _ := os.ReadFile("/proc/sys/" + name)
	return strings.TrimSpace(string(b))
}
