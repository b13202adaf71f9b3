package builder

import (
	"errors"
	"syscall"
)

// A Failure is why a build stopped, by class, so that a program that called
// the build can tell a bad recipe from a dead mirror.
type Failure struct {
	Class Class
	Err   error
	Tip   string // what the user can do; may be empty
}

// Class is the kind of a failure. The values are the exit codes of the
// command line tool and do not change.
type Class int

// The classes of failure.
const (
	Recipe   Class = 3 // the recipe, or a file it names, is not valid
	Packages Class = 4 // packages could not be resolved, authenticated, fetched or read
	Content  Class = 5 // the packages do not make a valid root: conflicts, missing programs, failed passes
	Budget   Class = 6 // a size budget of the recipe is exceeded
	Host     Class = 7 // this machine lacks something the build needs
	Output   Class = 8 // the image could not be written
)

func (f *Failure) Error() string { return f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

// Hint is what the user can do about it.
func (f *Failure) Hint() string { return f.Tip }

// fail classifies err, unless it is nil or already classified.
func fail(class Class, err error, tip string) error {
	if err == nil {
		return nil
	}
	if f, ok := err.(*Failure); ok {
		return f
	}
	var hinted interface{ Hint() string }
	if tip == "" && errors.As(err, &hinted) {
		tip = hinted.Hint()
	}
	if tip == "" && errors.Is(err, syscall.ENOSPC) {
		tip = "free some space, or choose another cache with --cache"
		if class == Output {
			tip = "free some space, or choose another directory with --output or output.directory"
		}
	}
	return &Failure{class, err, tip}
}
