// Package qemu tests whole systems: it builds the examples with the command
// line tool, as a user does, and boots the results in real QEMU. Guests are
// questioned through credentials only, so the image under test is the image
// that ships.
package qemu
