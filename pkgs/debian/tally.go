package debian

import (
	"sync"

	"github.com/bocaditos/bocaditos/pkgs"
)

// tally sums up the progress of all downloads. A nil one is fine.
type tally struct {
	mu   sync.Mutex
	e    pkgs.Event
	tell pkgs.Progress
}

func newTally(l *pkgs.Lock, tell pkgs.Progress) *tally {
	if tell == nil {
		return nil
	}
	t := &tally{tell: tell}
	t.e.TotalPackages = len(l.Packages)
	for _, p := range l.Packages {
		t.e.TotalBytes += p.Size
	}
	return t
}

func (t *tally) update(f func(*pkgs.Event)) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.e)
	t.tell(t.e)
	t.e.Retry = nil
}

// start tells what was there already, all at once: who hears of more later
// knows that it was downloaded.
func (t *tally) start(have pkgs.Event) {
	t.update(func(e *pkgs.Event) { e.Bytes, e.Packages = have.Bytes, have.Packages })
}

func (t *tally) bytes(n int64)   { t.update(func(e *pkgs.Event) { e.Bytes += n }) }
func (t *tally) packageDone()    { t.update(func(e *pkgs.Event) { e.Packages++ }) }
func (t *tally) retry(err error) { t.update(func(e *pkgs.Event) { e.Retry = err }) }
