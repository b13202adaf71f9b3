package recipe

import (
	"fmt"
	"math"
	"regexp"
	"strconv"

	"github.com/bocaditos/bocaditos/internal/stricttoml"
)

// Size is a number of bytes.
type Size int64

var sizePattern = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)([KMGT]?)$`)

// UnmarshalText reads "150M" or "1.5G"; the units are powers of 1024.
func (s *Size) UnmarshalText(text []byte) error {
	m := sizePattern.FindSubmatch(text)
	if m == nil {
		return stricttoml.Hint(fmt.Sprintf("%q is not a size", text), `a number and K, M, G or T, in powers of 1024: "150M", "1.5G"`)
	}
	unit := map[string]float64{"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}[string(m[2])]
	number, err := strconv.ParseFloat(string(m[1]), 64)
	// Up to 2^53 a float64 counts bytes exactly.
	if err != nil || number*unit > 1<<53 {
		return fmt.Errorf("%q is too large", text)
	}
	*s = Size(math.Floor(number * unit))
	return nil
}

// UnmarshalInteger reads a number of bytes.
func (s *Size) UnmarshalInteger(n int64) error {
	if n < 0 {
		return fmt.Errorf("%d is less than 0", n)
	}
	*s = Size(n)
	return nil
}

func (Size) TOMLType() (string, map[string]any) {
	return "size", map[string]any{"pattern": sizePattern.String(), "minimum": 0}
}

// Mode is the permissions of a file with setuid, setgid and sticky: 07777.
type Mode uint32

var modePattern = regexp.MustCompile(`^0?[0-7]{3,4}$`)

// UnmarshalText reads octal digits: "0644", "755", "4755".
func (m *Mode) UnmarshalText(text []byte) error {
	if !modePattern.Match(text) {
		return stricttoml.Hint(fmt.Sprintf("%q is not a file mode", text), `three or four octal digits: "0644", "4755"`)
	}
	n, err := strconv.ParseUint(string(text), 8, 32)
	*m = Mode(n)
	return err
}

// MarshalText writes four octal digits.
func (m Mode) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%04o", uint32(m)), nil }

func (Mode) TOMLType() (string, map[string]any) {
	return "octal file mode", map[string]any{"pattern": modePattern.String()}
}
