package main

import (
	"errors"
	"strconv"
)

// encodeHex and decodeHex stand in for encoding/hex, which brings along all of
// fmt: a tenth of this program.

func encodeHex(b []byte) string {
	const digits = "0123456789abcdef"
	s := make([]byte, 0, 2*len(b))
	for _, c := range b {
		s = append(s, digits[c>>4], digits[c&15])
	}
	return string(s)
}

func decodeHex(s string) ([]byte, error) {
	if len(s)%2 != 0 {
		return nil, errors.New("odd number of hexadecimal digits")
	}
	b := make([]byte, len(s)/2)
	for i := range b {
		n, err := strconv.ParseUint(s[2*i:2*i+2], 16, 8)
		if err != nil {
			return nil, errors.New("not hexadecimal")
		}
		b[i] = byte(n)
	}
	return b, nil
}
