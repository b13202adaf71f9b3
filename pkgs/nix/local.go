package nix

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"github.com/bocaditos/bocaditos/pkgs"
)

// verified says which directory (or file) had the NAR hash that its file is
// named by. As store paths do not change, it is enough to know it again.
type verified struct {
	Path   string `json:"path"`
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	CTime  int64  `json:"ctime"` // nanoseconds since 1970
}

// identify is what file is now.
func identify(file string) (verified, error) {
	info, err := os.Lstat(file)
	if err != nil {
		return verified{}, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return verified{}, fmt.Errorf("%s: no inode", file)
	}
	return verified{file, uint64(st.Dev), st.Ino, st.Ctim.Nano()}, nil
}

// record is the file that remembers where the path was verified.
func (s *Source) record(p pkgs.Locked) string {
	return filepath.Join(s.cfg.CacheDir, "nix", "verified", path.Base(p.Path)+"-"+p.SHA256[:16]+".json")
}

// inStore finds the path in a store of this machine and returns its file, or
// "" if none has it with the lock's NAR hash. It reads all of it where neither nix nor
// we looked at it before.
func (s *Source) inStore(ctx context.Context, p pkgs.Locked) (string, error) {
	for _, root := range s.roots {
		file := root.path(p.Path)
		now, err := identify(file)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			return "", err
		}
		if s.remembered(p, now) {
			return file, nil
		}
		sum, size, err := hashNAR(ctx, file)
		switch {
		case err != nil:
			return "", fmt.Errorf("hash %s: %w", file, err)
		case sum == p.SHA256 && size == p.Size:
			return file, s.remember(p, now)
		}
		s.logf("%s is not what the lock says: its NAR hash is %s, not %s", file, sum, p.SHA256)
	}
	return "", nil
}

// rememberedIn is the path's file in the store where it was verified and has
// not changed, or "".
func (s *Source) rememberedIn(p pkgs.Locked) string {
	for _, root := range s.roots {
		if now, err := identify(root.path(p.Path)); err == nil && s.remembered(p, now) {
			return now.Path
		}
	}
	return ""
}

func (s *Source) remembered(p pkgs.Locked, now verified) bool {
	data, err := os.ReadFile(s.record(p))
	var then verified
	return err == nil && json.Unmarshal(data, &then) == nil && then == now
}

func (s *Source) remember(p pkgs.Locked, now verified) error {
	data, err := json.Marshal(now)
	if err != nil {
		return err
	}
	file := s.record(p)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	// Not made durable: what is lost or torn is hashed again.
	return os.WriteFile(file, data, 0o644)
}

// trustNix remembers the paths whose hash nix' database has as the lock has it: Nix
// hashed them when they came into its store, and nobody but Nix writes there.
func (s *Source) trustNix(ctx context.Context, packages []pkgs.Locked) error {
	var ask []string
	for _, p := range packages {
		if file := s.present(p); file != "" {
			if now, err := identify(file); err == nil && !s.remembered(p, now) {
				ask = append(ask, p.Path)
			}
		}
	}
	if len(ask) == 0 || !s.available() {
		return nil
	}
	infos, err := s.pathInfos(ctx, ask, false)
	if err != nil {
		if ctx.Err() == nil {
			s.logf("nix cannot say what its store has, so files are hashed: %v", err)
		}
		return ctx.Err()
	}
	for _, p := range packages {
		info, ok := infos[p.Path]
		if !ok || info.sha256 != p.SHA256 || info.size != p.Size {
			continue
		}
		now, err := identify(s.present(p))
		if err != nil {
			continue
		}
		if err := s.remember(p, now); err != nil {
			return err
		}
	}
	return nil
}

// present is the path's file in the first store that has something by its name, or "".
func (s *Source) present(p pkgs.Locked) string {
	for _, root := range s.roots {
		file := root.path(p.Path)
		if _, err := os.Lstat(file); err == nil {
			return file
		}
	}
	return ""
}

// hashNAR is the SHA-256, hex, and the size of a file's or directory's NAR.
func hashNAR(ctx context.Context, file string) (string, int64, error) {
	h := &narHash{ctx: ctx, sum: sha256.New()}
	err := writeNAR(h, file)
	return hex.EncodeToString(h.sum.Sum(nil)), h.size, err
}

// narHash hashes and counts what is written, until ctx ends.
type narHash struct {
	ctx  context.Context
	sum  hash.Hash
	size int64
}

func (h *narHash) Write(p []byte) (int, error) {
	if err := h.ctx.Err(); err != nil {
		return 0, err
	}
	h.size += int64(len(p))
	return h.sum.Write(p)
}
