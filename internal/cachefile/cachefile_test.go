package cachefile_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/bocaditos/bocaditos/internal/cachefile"
)

// Many who make the same file: one does the work, all see the whole file.
func TestLockAndCommit(t *testing.T) {
	dir := t.TempDir()
	partial, final := filepath.Join(dir, "p", "partial"), filepath.Join(dir, "f", "final")
	made := 0 // guarded by the lock: the race detector watches
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			f, err := cachefile.Lock(context.Background(), partial)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			if data, err := os.ReadFile(final); err == nil {
				if string(data) != "whole" {
					t.Errorf("final has %q", data)
				}
				os.Remove(f.Name())
				return
			}
			made++
			f.WriteString("whole")
			if err := cachefile.Commit(f, final); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made != 1 {
		t.Errorf("made %d times", made)
	}
	if _, err := os.Stat(partial); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the partial file is still there: %v", err)
	}
}

func TestWaitingCanBeCancelled(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x")
	f, err := cachefile.Lock(context.Background(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := cachefile.Lock(ctx, file); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
