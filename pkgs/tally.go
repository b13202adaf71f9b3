package pkgs

import (
	"sync"
)

// A Tally sums up what concurrent downloads say for one Progress. A nil one is fine.
type Tally struct {
	mu   sync.Mutex
	e    Event
	tell Progress
}

// NewTally counts up to all of the lock; nil if there is nobody to tell.
func NewTally(l *Lock, tell Progress) *Tally {
	if tell == nil {
		return nil
	}
	t := &Tally{tell: tell}
	t.e.TotalPackages = len(l.Packages)
	for _, p := range l.Packages {
		t.e.TotalBytes += p.Size
	}
	return t
}

func (t *Tally) update(f func(*Event)) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.e)
	t.tell(t.e)
	t.e.Retry = nil
}

// Start tells what was there already, all at once: who hears of more later
// knows that it was downloaded.
func (t *Tally) Start(have Event) {
	t.update(func(e *Event) { e.Bytes, e.Packages = have.Bytes, have.Packages })
}

// Bytes were transferred, or with a negative number are to be transferred again.
func (t *Tally) Bytes(n int64) { t.update(func(e *Event) { e.Bytes += n }) }

// PackageDone tells that one more package is there.
func (t *Tally) PackageDone() { t.update(func(e *Event) { e.Packages++ }) }

// Retry tells of what failed and will be tried again.
func (t *Tally) Retry(err error) { t.update(func(e *Event) { e.Retry = err }) }
