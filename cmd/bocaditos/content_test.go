package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// unit is a recipe's entry of a service that starts a program.
func unit(name, program string) string {
	return fmt.Sprintf(`[[files]]
path = "/usr/lib/systemd/system/%s"
content = """
[Service]
ExecStart=%s --now
[Install]
WantedBy=multi-user.target
"""
`, name, program)
}

func TestEnabledUnitWithoutItsProgram(t *testing.T) {
	p := derive(t, `#enable = ["systemd-networkd.service"]`, `enable = ["broken.service"]`, "", unit("broken.service", "/usr/bin/not-there"))
	bocaditos(t, "build", p.dir).wants(t, 5,
		"enabled units start programs that the image does not have:\n  /usr/lib/systemd/system/broken.service:2: ExecStart=/usr/bin/not-there missing",
		"\n  hint: add the package that has the program, or list the unit in units.disable or units.mask\n")
	p.holds(t)
}

func TestFileOfAPackage(t *testing.T) {
	p := derive(t, "", "[[files]]\npath = \"/etc/debian_version\"\ncontent = \"mine\\n\"\n")
	bocaditos(t, "build", p.dir).wants(t, 5, `files "/etc/debian_version": `, "base-files", "\n  hint: add replace = true if that is what you want\n")
	p.holds(t)
}

// What would fail in the tests above does not when the recipe says it is
// meant.
func TestWhatARecipeMayDo(t *testing.T) {
	p := derive(t,
		`#disable = ["getty@.service"]`, `disable = ["idle.service"]`,
		"", unit("idle.service", "/usr/bin/not-there"),
		"", "[[files]]\npath = \"/etc/debian_version\"\ncontent = \"mine\\n\"\nreplace = true\n",
		`"/usr/share/doc/*",`, `"/usr/share/doc/*", "/usr/share/no-such-thing",`)
	bocaditos(t, "build", p.dir).wants(t, exitOK, `warning: root.exclude "/usr/share/no-such-thing" matches nothing`).without(t, "not-there")
	p.holds(t, "box_1")
	whole(t, p.image())
	bocaditos(t, "why", "--image", p.dir, "/etc/debian_version").wants(t, exitOK, `files "/etc/debian_version"`)
	bocaditos(t, "why", "--image", p.dir, "/usr/lib/systemd/system/idle.service").wants(t, exitOK, "recipe")
	bocaditos(t, "why", "--image", p.dir, "/etc/systemd/system/multi-user.target.wants/idle.service").wants(t, exitFailure, "is not in box_1")
}

func TestBudgets(t *testing.T) {
	for _, c := range []struct{ part, old, limit, words, fills string }{
		{"root", `root = "200M"`, "50M", "50.0 MiB", "libc6"},
		{"initrd", `#initrd = "2M"`, "1M", "1.0 MiB", "init"},
		{"uki", `#uki = "20M"`, "5M", "5.0 MiB", "kernel"},
	} {
		t.Run(c.part, func(t *testing.T) {
			p := derive(t, c.old, fmt.Sprintf("%s = %q", c.part, c.limit))
			r := bocaditos(t, "build", p.dir).wants(t, 6, "over its budget of "+c.words, " "+c.fills+"\n",
				"\n  hint: leave something out (packages.install, root.exclude) or raise budget."+c.part+" in the recipe\n")
			p.holds(t)
			head := regexp.MustCompile(`the ` + c.part + ` is ([0-9.]+ \w+), over`).FindStringSubmatch(r.stderr)
			if head == nil {
				t.Fatal("it does not say how large the " + c.part + " is")
			}
			rows := regexp.MustCompile(`(?m)^ +([0-9.]+ [KMG]?i?B)  \S+$`).FindAllStringSubmatch(r.stderr, -1)
			var sum, last float64
			for i, row := range rows {
				size := bytesOf(t, row[1])
				if sum += size; i > 0 && size > last {
					t.Errorf("%s comes after something smaller", row[0])
				}
				last = size
			}
			// The rest is padding, metadata and what was compressed away.
			if total := bytesOf(t, head[1]); sum < total/2 || sum > total*4 {
				t.Errorf("%d rows of %.0f bytes explain %.0f bytes", len(rows), sum, total)
			}
		})
	}
}

// bytesOf reads what builder.FormatBytes wrote.
func bytesOf(t *testing.T, s string) float64 {
	t.Helper()
	number, unit, _ := strings.Cut(s, " ")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n * map[string]float64{"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[unit]
}
