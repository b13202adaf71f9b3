package qemu

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/qemu"
)

// A key is an SSH key pair: its file, and the public half.
type key struct{ file, public string }

func newKey(t *testing.T, kind, name string) key {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	command(t, ".", "ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", file)
	public, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return key{file, strings.TrimSpace(string(public))}
}

func (k key) private(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(k.file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (k key) String() string { return filepath.Base(k.file) }

// A server is a guest whose ports are reached from the host.
type server struct {
	*guest
	root  key               // logs root in
	known string            // the file with the host key that is expected
	ports map[uint16]string // of the guest: the address on the host
}

// startServer starts a machine that it gives an SSH host key and the key of
// root as credentials, and waits until the system is up.
func startServer(t *testing.T, m qemu.Machine, host, root key) server {
	t.Helper()
	m.Network = qemu.UserNetwork
	for _, p := range []uint16{22, 80, 5432, 9100} {
		m.Forwards = append(m.Forwards, qemu.Forward{GuestPort: p})
	}
	m.Credentials = append(m.Credentials,
		qemu.Credential{Name: "ssh.host_key.rsa", Value: []byte(host.private(t))},
		qemu.Credential{Name: "ssh.authorized_keys.root", Value: []byte(root.public + "\n")})
	up := ask(t, &m, `echo "state: $(systemctl is-system-running --wait)"`)
	s := server{start(t, m), root, filepath.Join(t.TempDir(), "known_hosts"), map[uint16]string{}}
	for _, f := range s.Forwards {
		s.ports[f.GuestPort] = fmt.Sprintf("127.0.0.1:%d", f.HostPort)
	}
	if err := os.WriteFile(s.known, []byte("server "+host.public+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if state := field(s.waitAnswer(up), "state"); state != "running" {
		t.Errorf("the system is %s", state)
	}
	return s
}

// ssh runs a command in the guest by the host's ssh client, which accepts no
// other host key than the expected one. An SSH connection takes seconds in an
// emulated guest: with a control socket in options it is shared.
func (s server) ssh(user string, k key, stdin, script string, options ...string) (string, error) {
	host, port, _ := strings.Cut(s.ports[22], ":")
	args := append([]string{"-F", "none", "-i", k.file, "-p", port,
		"-oBatchMode=yes", "-oIdentitiesOnly=yes", "-oIdentityAgent=none", "-oLogLevel=ERROR",
		"-oStrictHostKeyChecking=yes", "-oHostKeyAlgorithms=rsa-sha2-512", "-oKexAlgorithms=curve25519-sha256", "-oHostKeyAlias=server",
		"-oUserKnownHostsFile=" + s.known, "-oGlobalKnownHostsFile=none"}, options...)
	cmd := exec.CommandContext(s.ctx, "ssh", append(args, user+"@"+host, script)...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(strings.ReplaceAll(string(out), "\r", "")), err
}

// run runs a script as root, which must succeed.
func (s server) run(script string) string {
	s.t.Helper()
	out, err := s.ssh("root", s.root, script, "bash -s", "-oControlMaster=auto", "-oControlPersist=yes", "-oControlPath="+s.known+".ctl")
	if err != nil {
		s.t.Fatalf("in the guest: %s\n%v\n%s", script, err, out)
	}
	return out
}

// get fetches a page from the guest.
func (s server) get(port uint16, path string) string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.ctx, http.MethodGet, "http://"+s.ports[port]+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Errorf("get from port %d: %v", port, err)
		return ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.t.Errorf("get %s from port %d: %s, %v", path, port, resp.Status, err)
	}
	return string(body)
}

// psql runs SQL in the guest's database over the network.
func (s server) psql(role, password, sql string) (string, error) {
	host, port, _ := strings.Cut(s.ports[5432], ":")
	cmd := exec.CommandContext(s.ctx, "psql", "-X", "-w", "-At", "-v", "ON_ERROR_STOP=1", "-c", sql,
		fmt.Sprintf("host=%s port=%s user=%s dbname=postgres", host, port, role))
	cmd.Env = append(os.Environ(), "PGPASSWORD="+password)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// listening are the sockets that wait for anybody on a network.
const listening = `ss -Hlntup | while read -r proto _ _ _ local _ users; do
	users=${users#*\"}; echo "$proto ${local##*:} ${users%%\"*}"; done | sort -u`

// hostKeys are the SSH host keys that the guest has made.
const hostKeys = "cat /var/lib/ssh/ssh_host_{ecdsa,ed25519}_key.pub"

func TestServer(t *testing.T) {
	host, root := newKey(t, "rsa", "host"), newKey(t, "ed25519", "root")
	ana, stranger, inside := newKey(t, "ed25519", "ana"), newKey(t, "ed25519", "stranger"), newKey(t, "ed25519", "inside")
	image := build(t, "server", func(recipe string) string {
		return recipe + fmt.Sprintf("\n[[users]]\nname = \"ana\"\nauthorized_keys = [%q]\n", ana.public)
	})
	m := image.machine(t, false)
	m.Drives[0].Persistent = true // the image is this test's own
	m.Credentials = append(m.Credentials, qemu.Credential{Name: "ssh.ephemeral-authorized_keys-all", Value: []byte(inside.public + "\n")})
	s := startServer(t, m, host, root)

	t.Run("boots without a complaint", func(t *testing.T) {
		if failed := s.run("systemctl list-units --failed --plain --no-legend"); failed != "" {
			t.Errorf("failed units:\n%s", failed)
		}
		quiet(t, s.run(journal))
	})

	t.Run("listens to what was asked for only", func(t *testing.T) {
		got := strings.Split(s.run(listening), "\n")
		want := []string{"tcp 22 sshd", "tcp 5432 postgres", "tcp 80 nginx", "tcp 9100 prometheus-node", "udp 68 systemd-network"}
		if !slices.Equal(got, want) {
			t.Errorf("listening:\ngot  %q\nwant %q", got, want)
		}
	})

	t.Run("ssh", func(t *testing.T) {
		refused := func(out string, err error) bool {
			return err != nil && strings.HasSuffix(out, "Permission denied (publickey).") // so no passwords either
		}
		for _, c := range []struct {
			user string
			key  key
			ok   bool
		}{
			{"ana", ana, true}, // by the recipe; s.run is by a credential
			{"root", inside, false},
			{"ana", stranger, false},
		} {
			out, err := s.ssh(c.user, c.key, "", "id -un")
			if c.ok && (err != nil || out != c.user) || !c.ok && !refused(out, err) {
				t.Errorf("%s with the key of %s: %v, %q", c.user, c.key, err, out)
			}
		}
		// The key that was given, and those that sshd-keygen.service has made.
		files := s.run("cd /var/lib/ssh && ls && ssh-keygen -y -f ssh_host_rsa_key")
		if want := "ssh_host_ecdsa_key\nssh_host_ecdsa_key.pub\nssh_host_ed25519_key\nssh_host_ed25519_key.pub\nssh_host_rsa_key\n" + host.public; files != want {
			t.Errorf("host keys:\ngot  %s\nwant %s", files, want)
		}
		// A socket that starts the service is the other way to listen.
		s.run("systemctl stop ssh.service && systemctl start ssh.socket")
		if out, err := s.ssh("ana", ana, "", "systemctl is-active ssh.service"); err != nil || out != "active" {
			t.Errorf("by ssh.socket: %v, %q", err, out)
		}
		// systemd-ssh-generator's socket in the machine, by systemd-ssh-proxy.
		for _, c := range []struct {
			user string
			key  key
			ok   bool
		}{{"ana", ana, true}, {"ana", stranger, false}, {"root", inside, true}} {
			out := s.run("umask 077; cat > /tmp/key <<.\n" + c.key.private(t) + ".\n" +
				"ssh -oBatchMode=yes -oStrictHostKeyChecking=no -oLogLevel=ERROR -i /tmp/key " + c.user + "@.host id -un 2>&1 </dev/null; echo $?")
			if want := c.user + "\n0"; c.ok && out != want || !c.ok && !strings.HasSuffix(out, "Permission denied (publickey).\n255") {
				t.Errorf("by the local socket, %s with the key of %s: %q", c.user, c.key, out)
			}
		}
	})

	t.Run("nginx", func(t *testing.T) {
		if page := s.get(80, "/"); !strings.Contains(page, "Every byte that you read was verified.") {
			t.Errorf("page: %q", page)
		}
		if log := s.run("journalctl --no-pager --output=cat --identifier=nginx"); !strings.Contains(log, `"GET / HTTP/1.1" 200`) {
			t.Errorf("log:\n%s", log)
		}
		// A graceful stop, and the same start again.
		if got := s.run("systemctl stop nginx && systemctl show --property=Result,ExecMainStatus nginx && systemctl start nginx"); got != "Result=success\nExecMainStatus=0" {
			t.Errorf("stop: %s", got)
		}
		s.get(80, "/")
		if log := s.run("journalctl --boot --no-pager --output=cat --unit=nginx"); strings.Contains(log, "start-stop-daemon") {
			t.Errorf("log of the unit:\n%s", log)
		}
	})

	t.Run("node-exporter", func(t *testing.T) {
		s.run("echo 'jars_opened 42' > /var/lib/prometheus/node-exporter/larder.prom")
		metrics := s.get(9100, "/metrics")
		for _, want := range []string{"\nnode_uname_info{", "\njars_opened 42\n"} {
			if !strings.Contains(metrics, want) {
				t.Errorf("the metrics lack %q", want)
			}
		}
	})

	t.Run("postgresql", func(t *testing.T) {
		s.run(`runuser -u postgres -- psql -c "CREATE ROLE app LOGIN PASSWORD 'right'" -c "GRANT CREATE ON SCHEMA public TO app"`)
		if out, err := s.psql("app", "wrong", "SELECT 1"); err == nil || !strings.Contains(out, "password authentication failed") {
			t.Errorf("a wrong password: %v, %q", err, out)
		}
		if out, err := s.psql("postgres", "", "SELECT 1"); err == nil || !strings.Contains(out, "no password supplied") {
			t.Errorf("the administrator without a password: %v, %q", err, out)
		}
		if out, err := s.psql("app", "right", "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('ñandú'); SELECT word, length(word) FROM kept"); err != nil || !strings.HasSuffix(out, "ñandú|5") {
			t.Fatalf("write and read: %v, %q", err, out)
		}
		// The next start finds the data and leaves it alone.
		s.run("systemctl restart postgresql")
		s.expectKept()
		if got := s.run("pg_lsclusters --no-header"); !regexp.MustCompile(`^17\s+main\s+5432\s+online\s+postgres\s+/var/lib/postgresql/17/main\s`).MatchString(got) {
			t.Errorf("pg_lsclusters: %s", got)
		}
	})

	keys := s.run(hostKeys)
	s.run("systemctl --no-block reboot")
	s.ends()
	s = startServer(t, m, host, root)
	s.expectKept()
	if got := s.run(hostKeys); got != keys {
		t.Errorf("host keys after a reboot:\ngot  %s\nwant %s", got, keys)
	}
	if got := s.run("systemctl list-units --failed --plain --no-legend; systemctl show --property=ConditionResult --value postgresql-17-cluster"); got != "no" {
		t.Errorf("after a reboot, failed units, and whether there was a database to make: %s", got)
	}
}

// expectKept checks that what TestServer wrote into the database is there.
func (s server) expectKept() {
	s.t.Helper()
	if out, err := s.psql("app", "right", "SELECT word FROM kept"); err != nil || out != "ñandú" {
		s.t.Errorf("the table: %v, %q", err, out)
	}
}
