package pkgs

// Error is an error that the reader can do something about.
type Error struct {
	Err error
	Tip string // what to do, without full stop
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Hint is what to do about it.
func (e *Error) Hint() string { return e.Tip }
