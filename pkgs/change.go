package pkgs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Satisfies is nil when the lock answers the request, else an error that says
// what the lock was not made for. The order of packages and sets is the same to it.
func (l *Lock) Satisfies(r Request) error {
	have, want := l.Request.sorted(), r.sorted()
	if want.From != "" && have.From != want.From {
		return fmt.Errorf("the lock was made from %q, not from %q", have.From, want.From)
	}
	if have.Arch != want.Arch {
		return fmt.Errorf("the lock was made for %s, not for %s", have.Arch, want.Arch)
	}
	for _, w := range want.Sets {
		i := slices.IndexFunc(have.Sets, func(h Set) bool { return h.Name == w.Name })
		if i < 0 {
			return fmt.Errorf("the lock has no set %q", w.Name)
		}
		h := have.Sets[i]
		if h.Closure != w.Closure {
			return fmt.Errorf("the lock has set %q %s dependencies", w.Name, map[bool]string{true: "with", false: "without"}[h.Closure])
		}
		if h.Arch != w.Arch {
			return fmt.Errorf("the lock has set %q for %s, not for %s", w.Name, cmp.Or(h.Arch, have.Arch), cmp.Or(w.Arch, want.Arch))
		}
		if more := without(w.Install, h.Install); len(more) > 0 {
			return fmt.Errorf("set %q now also asks for %s", w.Name, strings.Join(more, ", "))
		}
		if less := without(h.Install, w.Install); len(less) > 0 {
			return fmt.Errorf("set %q no longer asks for %s", w.Name, strings.Join(less, ", "))
		}
	}
	for _, h := range have.Sets {
		if !slices.ContainsFunc(want.Sets, func(w Set) bool { return h.Name == w.Name }) {
			return fmt.Errorf("set %q is no longer asked for", h.Name)
		}
	}
	return nil
}

func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// Change is one package that two locks disagree about.
type Change struct {
	Name string `json:"name"`
	Old  string `json:"old,omitempty"` // version; empty when added
	New  string `json:"new,omitempty"` // version; empty when removed
}

func (c Change) String() string {
	switch {
	case c.Old == "":
		return fmt.Sprintf("added    %s %s", c.Name, c.New)
	case c.New == "":
		return fmt.Sprintf("removed  %s %s", c.Name, c.Old)
	case c.Old == c.New:
		return fmt.Sprintf("rebuilt  %s %s (same version, other bytes)", c.Name, c.Old)
	}
	return fmt.Sprintf("changed  %s %s -> %s", c.Name, c.Old, c.New)
}

// Diff lists what changed from old to new, sorted by name. A nil lock is empty.
func Diff(old, new *Lock) []Change {
	before, after := byName(old), byName(new)
	var changes []Change
	for key, o := range before {
		n := after[key]
		if o.SHA256 != n.SHA256 || o.Version != n.Version {
			changes = append(changes, Change{o.Name, o.Version, n.Version})
		}
	}
	for key, n := range after {
		if _, ok := before[key]; !ok {
			changes = append(changes, Change{n.Name, "", n.Version})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.String(), b.String()))
	})
	return changes
}

// byName indexes a lock by name and architecture. Should two sets hold two
// versions of a package, the last in the lock's order speaks for it.
func byName(l *Lock) map[string]Locked {
	m := map[string]Locked{}
	if l != nil {
		for _, p := range l.Packages {
			m[p.Name+":"+p.Arch] = p
		}
	}
	return m
}
