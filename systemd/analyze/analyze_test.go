package analyze_test

import (
	"slices"
	"testing"

	"github.com/bocaditos/bocaditos/systemd/analyze"
)

func TestRatings(t *testing.T) {
	// As systemd 257 writes them, and as it does where there is no UTF-8.
	out := "  NAME DESCRIPTION EXPOSURE\n✗ UMask= Files created by service are world-readable by default 0.1\n\n" +
		"→ Overall exposure level for a.service: 9.4 UNSAFE 😨\n" +
		"-> Overall exposure level for getty@tty1.service: 1.7 OK :-)\n" +
		"→ Overall exposure level for b@test_instance.service: 10.0 DANGEROUS 😨\n"
	want := []analyze.Rating{{"a.service", 9.4, "UNSAFE"}, {"getty@tty1.service", 1.7, "OK"}, {"b@.service", 10, "DANGEROUS"}}
	if got := analyze.Ratings([]byte(out)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
