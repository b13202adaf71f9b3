package systemd_test

import (
	"slices"
	"testing"

	"github.com/bocaditos/bocaditos/systemd"
	"github.com/bocaditos/bocaditos/tree"
)

func TestCredentials(t *testing.T) {
	root := tree.New()
	for p, text := range map[string]string{
		units + "default.target":                                   "[Unit]\nWants=a.service b.service first.service writes.service\n",
		units + "a.service":                                        "[Service]\nImportCredential=a.*\nImportCredential=tty.%I.x:y\nLoadCredential=own:/run/secret\nLoadCredential=mine\nLoadCredentialEncrypted=sealed:stored\nSetCredential=text:x\n",
		units + "a.service.d/more.conf":                            "[Service]\nImportCredential=more\n",
		units + "b.service":                                        "[Service]\nImportCredential=ssh.keys\n",
		units + "off.service":                                      "[Service]\nImportCredential=off\n",
		units + "first.service":                                    "[Unit]\nConditionFirstBoot=yes\n[Service]\nImportCredential=first\n",
		units + "writes.service":                                   "[Service]\nImportCredential=writes\n",
		units + "writes.service.d/10-here.conf":                    "[Unit]\nConditionPathIsReadWrite=/etc\n",
		units + "serial-getty@.service":                            "[Service]\nImportCredential=agetty.*\n",
		"/usr/lib/systemd/systemd":                                 "elf",
		"/usr/lib/systemd/system-generators/systemd-ssh-generator": "elf",
	} {
		if err := root.Put(p, tree.NewFile(0o755, tree.String(text), tree.Origin{})); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"a.*", "agetty.*", "mine", "more", "stored", "system.hostname", "system.machine_id", "tty.*.x", "vmm.notify_socket"}
	if got := systemd.Credentials(root, "/usr"); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if err := root.Put("/usr/sbin/sshd", tree.NewFile(0o755, tree.String("elf"), tree.Origin{})); err != nil {
		t.Fatal(err)
	}
	got := systemd.Credentials(root, "/usr")
	for _, name := range []string{"ssh.keys", "ssh.listen", "ssh.ephemeral-authorized_keys-all"} {
		if !slices.Contains(got, name) {
			t.Errorf("with sshd, %s is not among %q", name, got)
		}
	}
}
