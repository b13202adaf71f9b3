package qemu

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/qemu"
)

// people is what the login test adds to hello's recipe: accounts of every
// kind, and consoles that are not as the kernel starts them. Every password is
// "right"; root has none.
const people = `
[system]
hostname = "larder"
keymap   = "de"

[[users]]
name = "zoe"
uid = 1000
groups = ["sudo"]
password_hash = "HASH"

[[users]]
name = "bob"
uid = 1001
password_hash = "HASH"

[[users]]
name = "locked"
uid = 1002
password_hash = "HASH"
locked = true

[[users]]
name = "expired"
uid = 1003
password_hash = "HASH"

[[users]]
name = "barred"
uid = 1004
shell = "/usr/sbin/nologin"
password_hash = "HASH"

[[users]]
name = "empty"
uid = 1005

# systemd-sysusers keeps these: an account that ended in 1994, an empty password.
[[files]]
path = "/etc/shadow"
mode = "0640"
content = "expired:HASH:9000:::::9100:\nempty::19000::::::\n"

# The same program, with and without a file capability.
[[files]]
path = "/usr/bin/powerful"
source = "POWERS"
capabilities = ["cap_net_raw", "cap_chown"]

[[files]]
path = "/usr/bin/powerless"
source = "POWERS"

[[files]]
path = "/etc/subuid"
content = "zoe:100000:65536\n"

[[files]]
path = "/etc/subgid"
content = "zoe:100000:65536\n"
`

func buildPeople(t *testing.T) built {
	powers := filepath.Join(t.TempDir(), "powers")
	command(t, "", "go", "build", "-o", powers, "./testdata/powers")
	hash := strings.TrimSpace(command(t, "", "openssl", "passwd", "-6", "right"))
	return build(t, "hello", func(recipe string) string {
		recipe = regexp.MustCompile(`(?s)\[budget\].*`).ReplaceAllString(recipe, "")
		recipe = strings.Replace(recipe, "install = [\n", `install = [
    "passwd", "sudo", "pamtester", "uidmap", "iputils-ping",
    "libpam-systemd", "libnss-systemd", "libnss-myhostname",
    "kbd", "console-data", "gzip",
`, 1)
		return recipe + strings.NewReplacer("HASH", hash, "POWERS", powers).Replace(people)
	})
}

// enter types a line on the serial console.
func (g *guest) enter(line string) {
	g.t.Helper()
	if err := g.Console.Send(line + "\n"); err != nil {
		g.t.Fatal(err)
	}
}

// run types a command of bash and returns what it printed, with its exit
// status as the last line.
func (g *guest) run(cmd string) string {
	g.t.Helper()
	g.enter(reporting(cmd))
	return g.ran()
}

// become does the same for a command that asks for passwords.
func (g *guest) become(cmd, prompt string, passwords ...string) string {
	g.t.Helper()
	g.enter(reporting(cmd))
	for _, p := range passwords {
		g.expect(prompt)
		g.enter(p)
	}
	return g.ran()
}

// reporting adds what ran waits for. What the terminal echoes does not match.
func reporting(cmd string) string { return cmd + `; echo "status $?"` }

func (g *guest) ran() string {
	g.t.Helper()
	out, err := g.Console.Expect(g.ctx, regexp.MustCompile(`(?s)\n(.*status \d+)\n[^\n]*\$ $`))
	if err != nil {
		g.t.Fatal(err)
	}
	return out[1]
}

// press presses keys of the screen's keyboard, by QEMU's names of them.
func (g *guest) press(keys ...string) {
	g.t.Helper()
	type key struct {
		Type string `json:"type"`
		Data string `json:"data"`
	}
	for _, k := range keys {
		if err := g.QMP(g.ctx, "send-key", map[string]any{"keys": []key{{"qcode", k}}}, nil); err != nil {
			g.t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond) // QEMU holds a key for 100 ms
	}
}

// Real terminals: who gets in and who does not, who can become whom.
func TestLogin(t *testing.T) {
	b := buildPeople(t)
	m := b.machine(t, false)
	m.Screen = true
	m.Credentials = append(m.Credentials, qemu.Credential{Name: "vconsole.font", Value: []byte("alt-8x8")})
	g := start(t, m)

	for _, c := range []struct{ name, user, password, says string }{
		{"wrong password", "zoe", "wrong", `Login incorrect`},
		{"no such user", "nobody-else", "right", `Login incorrect`},
		{"root, locked by default", "root", "right", `Login incorrect`},
		{"empty password", "empty", "", `Login incorrect`},
		{"locked account", "locked", "right", `Your account has expired`},
		{"expired account", "expired", "right", `Your account has expired`},
		{"no login shell", "barred", "right", `This account is currently not available`},
	} {
		g.expect(`larder login: `)
		g.enter(c.user)
		g.expect(`Password: `)
		g.enter(c.password)
		out, err := g.Console.Expect(g.ctx, regexp.MustCompile(c.says+`|[$#] $`))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if strings.HasSuffix(out[0], " ") {
			t.Fatalf("%s: got in", c.name)
		}
	}

	g.expect(`larder login: `)
	g.enter("zoe")
	g.expect(`Password: `)
	g.enter("right")
	g.expect(`zoe@larder:~\$ $`)
	g.run("export SYSTEMD_COLORS=0")

	want := func(t *testing.T, what, got, pattern string) {
		t.Helper()
		if !regexp.MustCompile(`(?s)` + pattern).MatchString(got) {
			t.Errorf("%s: got %q, want %q", what, got, pattern)
		}
	}
	check := func(cmd, pattern string) {
		t.Helper()
		want(t, cmd, g.run(cmd), pattern)
	}

	check("id", `^uid=1000\(zoe\) gid=1000\(zoe\) groups=1000\(zoe\),27\(sudo\)\nstatus 0$`)
	check("pwd; echo $LANG; umask", `^/home/zoe\nC.UTF-8\n0002\nstatus 0$`)
	check("rm .profile; touch x; ls -A", `^\.bash_logout +\.bashrc +x\nstatus 0$`)
	check("cat /etc/shadow", `Permission denied\nstatus 1$`)

	// A session of logind, with a user manager.
	check("loginctl show-session $XDG_SESSION_ID -P Class -P TTY", `^user\nttyS0\nstatus 0$|^ttyS0\nuser\nstatus 0$`)
	check("systemctl --user is-system-running --wait", `^running\nstatus 0$`)
	check("systemctl is-active user@1000.service", `^active\nstatus 0$`)

	// Programs with powers: setuid su, sudo, passwd and newuidmap, setgid chage.
	want(t, "su, wrong password", g.become("su bob -c id", `Password: `, "wrong"), `^\n?su: Authentication failure\nstatus 1$`)
	want(t, "su", g.become("su bob -c id", `Password: `, "right"), `^\n?uid=1001\(bob\) gid=1001\(bob\) groups=1001\(bob\)\nstatus 0$`)
	want(t, "su to an expired account", g.become("su expired -c id", `Password: `, "right"), `Your account has expired.*status 1$`)
	check("passwd -S", `^zoe P [^\n]*\nstatus 0$`)
	check("passwd -S bob", `status 1$`)
	check("chage -l zoe", `Account expires[^\n]*never\n.*status 0$`)
	check("ping -c 1 127.0.0.1", ` 0% packet loss.*status 0$`)
	check("powerless; powerful", `^CapEff:\t0{16}\nCapEff:\t0{12}2001\nstatus 0$`)
	check("unshare --map-root-user --map-auto cat /proc/self/uid_map", `^ +0 +1000 +1\n +1 +100000 +65535\nstatus 0$`)
	check("stat -c '%a %U:%G %n' /usr/bin/{mount,umount,newgrp,gpasswd,expiry} /usr/sbin/unix_chkpwd", `^4755 root:root /usr/bin/mount
4755 root:root /usr/bin/umount
4755 root:root /usr/bin/newgrp
4755 root:root /usr/bin/gpasswd
2755 root:shadow /usr/bin/expiry
2755 root:shadow /usr/sbin/unix_chkpwd
status 0$`)
	want(t, "sudo without the right", g.become("su bob -c 'sudo -k -S id <<<right'", `Password: `, "right"), `bob is not in the sudoers file.*status 1$`)
	want(t, "sudo", g.become("sudo id", `for zoe: `, "wrong", "right"), `uid=0\(root\) gid=0\(root\) groups=0\(root\)\nstatus 0$`)
	check("sudo -n echo again", `^again\nstatus 0$`) // it remembers, in /run

	// It decides about services that it knows, above, and those that it does not.
	t.Run("PAM", func(t *testing.T) {
		for _, operation := range []string{"authenticate", "acct_mgmt", "open_session", "chauthtok"} {
			want(t, "other", g.run("sudo pamtester nosuch zoe "+operation), `pamtester: .*status 1$`)
		}
		want(t, "journal", g.run("sudo journalctl -b -q -o cat -t pamtester"), `pam_warn\(nosuch:auth\).*pam_warn\(nosuch:account\).*pam_warn\(nosuch:session\).*pam_warn\(nosuch:chauthtok\)`)
	})

	// Names that are in no file.
	check("sudo systemd-run -q --wait --pipe -p DynamicUser=yes --unit=dyn getent passwd dyn", `^dyn:x:\d+:\d+:Dynamic User:/:\S+\nstatus 0$`)
	check("getent hosts larder", `^\S+ +larder.*status 0$`)
	check("getent hosts some.localhost", `^(::1|127\.0\.0\.1) +localhost.*status 0$`)

	// The virtual console: its font is half as high, and Z and Y change places.
	t.Run("loadkeys", func(t *testing.T) {
		check("systemctl is-active systemd-vconsole-setup.service getty@tty1.service", `^active\nactive\nstatus 0$`)
		check("sudo stty size -F /dev/tty1", `^50 80\nstatus 0$`)
		screen := func(text string) {
			t.Helper()
			check(fmt.Sprintf(`sudo bash -c 'until [[ $(</dev/vcs1) == *%q* ]]; do sleep 1; done'`, text), `^status 0$`)
		}
		screen("larder login: ")
		g.press("y", "o", "e", "ret")
		screen("Password: ")
		g.press("r", "i", "g", "h", "t", "ret")
		screen("zoe@larder:~$ ")
		g.press("i", "d", "ret")
		screen("uid=1000(zoe)")
		check("loginctl list-sessions --no-legend", ` tty1 `)
	})

	// Nothing was wrong but what this test did wrong. That the timer of the
	// emulated machine is late is the kernel's own remark.
	ours := regexp.MustCompile(`^status 0|8254 timer|login\[\d+\]: .*Authentication failure|sudo\[\d+\]: .*NOT in sudoers`)
	for line := range strings.Lines(g.run("sudo journalctl -b -q --no-pager -p err")) {
		if !ours.MatchString(line) {
			t.Errorf("in the journal: %s", line)
		}
	}
	check("systemctl list-units --failed --plain --no-legend", `^status 0$`)

	g.enter("logout")
	g.expect(`larder login: `)
}
