package nix

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/bocaditos/bocaditos/internal/debiantest"
)

// The ways to name a store: by itself, through a daemon, by the environment.
func TestStores(t *testing.T) {
	programs(t, func(t *testing.T, program string) {
		for _, c := range []struct {
			name  string
			store func(t *testing.T, root string) string // what Config.Store is
		}{
			{"chroot", func(_ *testing.T, root string) string { return root }},
			{"local", func(_ *testing.T, root string) string { return "local?root=" + root }},
			{"environment", func(t *testing.T, root string) string { t.Setenv("NIX_REMOTE", root); return "" }},
			{"daemon", func(t *testing.T, root string) string {
				return "unix://" + startDaemon(t, filepath.Join(filepath.Dir(program), "nix-daemon"), root) + "?root=" + root
			}},
		} {
			t.Run(c.name, func(t *testing.T) {
				cfg := config(t)
				root := cfg.Store
				cfg.Program, cfg.Store = program, c.store(t, root)
				s := newSource(t, cfg)
				l := resolve(t, s, request("greeter"))
				if err := s.Fetch(t.Context(), l, nil); err != nil {
					t.Fatal(err)
				}
				for _, p := range l.Packages {
					if pkg, err := s.Open(t.Context(), p); err != nil || pkg.InPlace != filepath.Join(root, p.Path) {
						t.Errorf("%s: %+v (%v)", p.Name, pkg, err)
					}
				}
				// The garbage collector leaves them alone, as long as the cache is there.
				if c.name == "daemon" {
					return // the same store as the second one's
				}
				for _, want := range []bool{true, false} {
					debiantest.Run(t, "nix-store", "--store", root, "--gc")
					for _, p := range l.Packages {
						if there := s.present(p) != ""; there != want {
							t.Errorf("%s is there: %t, want %t", p.Path, there, want)
						}
					}
					if err := os.RemoveAll(filepath.Join(cfg.CacheDir, "nix", "roots")); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	})
}

// startDaemon runs nix' daemon on a socket of its own, for the store at root, and returns the socket.
func startDaemon(t *testing.T, program, root string) string {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		program = "nix-daemon"
	}
	dir, err := os.MkdirTemp("", "nix-") // t.TempDir's are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "socket")
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "NIX_DAEMON_SOCKET_PATH="+socket, "NIX_REMOTE=local?root="+root)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for range 500 {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return socket
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the daemon does not listen")
	return ""
}
