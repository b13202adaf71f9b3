package qemu

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// journal is for the script of ask, after the system is up: it prints the
// journal of the boot, the kernel's messages among it, for quiet.
const journal = "\njournalctl -b --no-pager -o json --output-fields=PRIORITY,SYSLOG_IDENTIFIER,MESSAGE\n"

// loud is what no boot should have to say.
var loud = regexp.MustCompile(`(?i)\bfail(ed|ure)?\b|read-only file system|unknown symbol|permission denied|no such (file|user|group)|core dumped`)

// unavoidable are messages that a boot may have all the same, and why: nothing
// that an image could change. Of systemd and the services there is none; mend
// the cause if you can.
var unavoidable = []struct{ message, why string }{
	{`^tsc: Fast TSC calibration failed$`, "QEMU did not get to run while the kernel measured; it measures in another way then"},
	{`^calibrate_delay_direct\(\) failed to get a good estimate for loops_per_jiffy\.`, "the same"},
	{`^\.\.MP-BIOS bug: 8254 timer not connected to IO-APIC$`, "no tick came while the kernel waited for one; it tries other ways"},
	{`^\.\.\.\.\.\.\. failed\.$`, "the first of those ways"},
	{`^KD_FONT_OP_GET failed while trying to get the font metadata: Invalid argument$`, "a screen in VGA's text mode has none"},
	{`\bop=PAM:setcred grantors=\? acct="[\w-]+" exe="/usr/lib/systemd/systemd-executor" .* res=failed'$`, "systemd asks for more than a user manager needs; PAM's defaults deny it, see pam/files/libpam-runtime/other"},
}

// withoutJournal is an answer to be logged: quiet says what is wrong with the
// rest, which is a thousand lines.
func withoutJournal(answer string) string {
	return regexp.MustCompile(`(?m)^\{".*\n`).ReplaceAllString(answer, "")
}

// quiet checks that a boot did not complain: no message of priority "err" or
// worse in the journal, and none that says that something failed.
func quiet(t *testing.T, answer string) {
	t.Helper()
	n := 0
	for line := range strings.Lines(answer) {
		var e struct {
			Priority   string          `json:"PRIORITY"`
			Identifier string          `json:"SYSLOG_IDENTIFIER"`
			Message    json.RawMessage `json:"MESSAGE"`
		}
		if !strings.HasPrefix(line, `{"`) || json.Unmarshal([]byte(line), &e) != nil {
			continue
		}
		n++
		if text := messageText(e.Message); complains(e.Priority, text) {
			t.Errorf("the boot was not quiet: <%s> %s: %s", e.Priority, e.Identifier, text)
		}
	}
	if n < 100 { // of the kernel alone there are some hundred
		t.Errorf("the answer has %d messages: that is not the journal of a boot", n)
	}
}

func complains(priority, text string) bool {
	level, err := strconv.Atoi(priority)
	if err == nil && level > 3 && !loud.MatchString(text) {
		return false
	}
	for _, u := range unavoidable {
		if regexp.MustCompile(u.message).MatchString(text) {
			return false
		}
	}
	return err == nil || loud.MatchString(text)
}

// messageText is a message of journalctl's JSON: a string, or a list of bytes
// where it is not printable (systemd.journal-fields(7)).
func messageText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	var numbers []int
	if json.Unmarshal(raw, &numbers) != nil {
		return string(raw)
	}
	var b strings.Builder
	for _, n := range numbers {
		b.WriteByte(byte(n))
	}
	return b.String()
}

func TestComplains(t *testing.T) {
	for _, c := range []struct {
		priority, message string
		want              bool
	}{
		{"6", `"Started dbus-broker.service."`, false},
		{"6", `"Failed to start x.service"`, true},
		{"5", `"x.service: Failed with result 'exit-code'."`, true},
		{"4", `"hv_storvsc: Unknown symbol vmbus_close (err -2)"`, true},
		{"3", `"anything"`, true},
		{"0", `"anything"`, true},
		{"6", `[70,97,105,108,101,100,32,27]`, true}, // "Failed" and an escape
		{"6", `"OnFailure= has no meaning here"`, false},
		{"", `"a message without a priority"`, false},
		{"", `"it failed"`, true},
		{"6", `"tsc: Fast TSC calibration failed"`, false},
		{"6", `"x: tsc: Fast TSC calibration failed"`, true},
	} {
		if got := complains(c.priority, messageText(json.RawMessage(c.message))); got != c.want {
			t.Errorf("<%s> %s: %t", c.priority, c.message, got)
		}
	}
}
