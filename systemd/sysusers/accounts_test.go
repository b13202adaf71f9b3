package sysusers

import (
	"reflect"
	"testing"
)

func TestPin(t *testing.T) {
	const text = "# u ana -\nu ana\nu  bob\t-  \"Bob\" /home/bob\nu! carl -:deploy - /\nu dora 5\ng deploy -\ng ana -\nm ana deploy\nu eve -\n"
	got := Pin(text, Accounts{Users: map[string]uint32{"ana": 1, "bob": 2, "carl": 3, "dora": 4}, Groups: map[string]uint32{"deploy": 9}})
	const want = "# u ana -\nu ana 1\nu  bob\t2  \"Bob\" /home/bob\nu! carl 3:deploy - /\nu dora 5\ng deploy 9\ng ana -\nm ana deploy\nu eve -\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestChosen(t *testing.T) {
	a := Accounts{Users: map[string]uint32{"old": 7}}
	a.Chosen("u ana\nu! carl -:deploy\ng deploy -\nu dora 5\nm ana deploy\nu gone -\n",
		"ana:x:11:12::/:\ncarl:x:13:14::/:\ndora:x:5:5::/:\n", "ana:x:12:\ndeploy:x:14:carl\ncarl:x:99:\ndora:x:5:\n")
	want := Accounts{Users: map[string]uint32{"old": 7, "ana": 11, "carl": 13}, Groups: map[string]uint32{"ana": 12, "deploy": 14}}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("got %v, want %v", a, want)
	}
}

func TestRanges(t *testing.T) {
	got := Ranges(Accounts{Users: map[string]uint32{"a": 999, "b": 500, "c": 1000}, Groups: map[string]uint32{"d": 501, "e": 100}})
	if want := "r - 101-499\nr - 502-998\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
