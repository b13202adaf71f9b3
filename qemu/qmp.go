package qemu

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// monitor is our end of QEMU's machine protocol (QMP). The connection is a
// socket pair, so there is no path that others could connect to.
type monitor struct {
	conn    net.Conn
	replies chan reply // closed when QEMU is gone
	closed  chan struct{}
	mu      sync.Mutex // one command at a time
	last    int
}

// reply is any message but an event.
type reply struct {
	QMP    json.RawMessage // of the greeting
	ID     int
	Return json.RawMessage
	Error  *struct{ Desc string }
}

func newMonitor(c *command) (*monitor, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("connect to the monitor: %w", err)
	}
	theirs := c.fd(os.NewFile(uintptr(pair[1]), "monitor"))
	ours := os.NewFile(uintptr(pair[0]), "monitor")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, fmt.Errorf("connect to the monitor: %w", err)
	}
	c.add("-chardev", fmt.Sprintf("socket,id=monitor,fd=%d", theirs), "-mon", "chardev=monitor,mode=control")
	return &monitor{conn: conn, replies: make(chan reply), closed: make(chan struct{})}, nil
}

// close is called once, when QEMU is gone.
func (m *monitor) close() {
	close(m.closed)
	m.conn.Close()
}

// read passes replies on until the connection ends.
func (m *monitor) read() {
	defer close(m.replies)
	lines := bufio.NewScanner(m.conn)
	lines.Buffer(nil, 16<<20) // some answers describe all of QEMU in one line
	for lines.Scan() {
		var r struct {
			Event string
			reply
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil || r.Event != "" {
			continue
		}
		select {
		case m.replies <- r.reply:
		case <-m.closed:
			return
		}
	}
}

var errGone = errors.New("QEMU has ended")

// greet waits for QEMU to be ready and leaves the negotiation mode.
func (m *monitor) greet(ctx context.Context) error {
	go m.read()
	select {
	case r, ok := <-m.replies:
		if !ok {
			return errGone
		}
		if r.QMP == nil {
			return errors.New("QEMU's monitor did not greet")
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	_, err := m.run(ctx, "qmp_capabilities", nil)
	return err
}

func (m *monitor) run(ctx context.Context, name string, arguments any) (json.RawMessage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last++
	line, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
		ID        int    `json:"id"`
	}{name, arguments, m.last})
	if err != nil {
		return nil, err
	}
	if _, err := m.conn.Write(append(line, '\n')); err != nil {
		return nil, errGone
	}
	for {
		select {
		case r, ok := <-m.replies:
			switch {
			case !ok:
				return nil, errGone
			case r.ID != m.last: // to a command whose context ended
			case r.Error != nil:
				return nil, errors.New(r.Error.Desc)
			default:
				return r.Return, nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// QMP runs a command of QEMU's machine protocol. arguments is what its "in"
// fields are (nil: none); the answer is decoded into result, unless that is
// nil.
func (r *Running) QMP(ctx context.Context, command string, arguments, result any) error {
	answer, err := r.monitor.run(ctx, command, arguments)
	if err == nil && result != nil {
		err = json.Unmarshal(answer, result)
	}
	if err != nil {
		return fmt.Errorf("QEMU command %s: %w", command, err)
	}
	return nil
}
