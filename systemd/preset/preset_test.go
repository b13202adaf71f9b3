package preset

import "testing"

func TestRecipe(t *testing.T) {
	for _, c := range []struct {
		name            string
		enable, disable []string
		want, err       string
	}{
		{"nothing", nil, nil, "", ""},
		{"units", []string{"b.service", "a.socket"}, []string{"c.timer"}, "enable b.service\nenable a.socket\ndisable c.timer\n", ""},
		{"instances", []string{"getty@tty2.service", "a.service", "getty@tty3.service"}, nil, "enable getty@.service tty2 tty3\nenable a.service\n", ""},
		{"instance with dots", []string{"systemd-networkd-wait-online@eth0.5.service"}, nil, "enable systemd-networkd-wait-online@.service eth0.5\n", ""},
		{"default instance", []string{"getty@.service"}, []string{"x@.service"}, "enable getty@.service\ndisable x@.service\n", ""},
		{"both", []string{"a.service"}, []string{"a.service"}, "", "unit a.service is both enabled and disabled"},
		{"one instance", nil, []string{"getty@tty1.service"}, "", "unit getty@tty1.service: presets cannot disable one instance of getty@.service; mask it"},
	} {
		got, err := Recipe(c.enable, c.disable)
		msg := ""
		if err != nil {
			msg = err.Error()
		}
		want := c.want
		if c.err == "" {
			want = "# units.enable and units.disable of the recipe\n" + want
		}
		if got != want || msg != c.err {
			t.Errorf("%s: got %q, %q; want %q, %q", c.name, got, msg, want, c.err)
		}
	}
}

func TestDecides(t *testing.T) {
	for _, c := range []struct{ line, unit, want string }{
		{"enable a.service", "a.service", "enable"},
		{"disable *", "a.service", "disable"},
		{"enable getty@.service tty1", "getty@.service", "enable"},
		{"ignore a*.socket", "ab.socket", "ignore"},
		{"enable a.service", "b.service", ""},
		{"# enable a.service", "a.service", ""},
		{"", "a.service", ""},
	} {
		if got := Decides(c.line, c.unit); got != c.want {
			t.Errorf("%q about %s: got %q, want %q", c.line, c.unit, got, c.want)
		}
	}
}
