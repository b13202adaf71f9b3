package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/bocaditos/bocaditos/image"
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

func TestEnabledUnitOfNoPackage(t *testing.T) {
	p := derive(t, `#enable = ["systemd-networkd.service"]`, `enable = ["nginx.service"]`)
	bocaditos(t, "build", p.dir).wants(t, 5, "units.enable: no package has the unit nginx.service\n", "\n  hint: add the package that has it to packages.install\n")
	p.holds(t)
	p = derive(t, `#enable = ["systemd-networkd.service"]`, `enable = ["networkd.service"]`)
	bocaditos(t, "build", p.dir).wants(t, 5, "units.enable: no package has the unit networkd.service\n", "\n  hint: did you mean systemd-networkd.service or ")
	p.holds(t)
}

func TestEnabledUnitWithoutItsProgram(t *testing.T) {
	p := derive(t, `#enable = ["systemd-networkd.service"]`, `enable = ["broken.service"]`, "", unit("broken.service", "/usr/bin/not-there"))
	bocaditos(t, "build", p.dir).wants(t, 5,
		"enabled units start programs that the image does not have:\n  /usr/lib/systemd/system/broken.service:2: ExecStart=/usr/bin/not-there missing",
		"\n  hint: add the package that has the program, or list the unit in units.disable or units.mask\n")
	p.holds(t)
}

// The image's own systemd-analyze looks at what would be started.
func TestUnitsAreVerified(t *testing.T) {
	p := derive(t, `#enable = ["systemd-networkd.service"]`, `enable = ["odd.service"]`, "", unit("odd.service", "/usr/bin/true"),
		"ExecStart=/usr/bin/true --now", "ExecStart=/usr/bin/true\nColour=blue\nDynamicUser=yes")
	bocaditos(t, "build", p.dir).wants(t, exitOK,
		"warning: systemd-analyze verify: /usr/lib/systemd/system/odd.service:3: Unknown key 'Colour' in section [Service], ignoring.\n",
		" most exposed beside systemd's own: dbus-broker ")
	r := bocaditos(t, "security", p.dir).wants(t, exitOK, "SERVICE", "dbus-broker.service ", "odd.service ", "  UNSAFE ")
	r.without(t, "@test")
	if rows := strings.Split(strings.TrimSpace(r.stdout), "\n"); len(rows) < 20 {
		t.Errorf("%d rows", len(rows))
	}
	var list struct{ Units []image.Unit }
	if err := json.Unmarshal([]byte(bocaditos(t, "security", "--json", p.image()).stdout), &list); err != nil {
		t.Fatal(err)
	}
	exposure := map[string]float64{}
	for i, u := range list.Units {
		if exposure[u.Name] = u.Exposure; i > 0 && u.Exposure > list.Units[i-1].Exposure {
			t.Errorf("%s comes after something less exposed", u.Name)
		}
	}
	// DynamicUser= counts.
	if exposure["odd.service"] == 0 || exposure["odd.service"] >= exposure["getty@tty1.service"] {
		t.Errorf("odd.service has %.1f, getty@tty1.service %.1f", exposure["odd.service"], exposure["getty@tty1.service"])
	}

	p = derive(t, `#enable = ["systemd-networkd.service"]`, `enable = ["odd.service"]`, "", unit("odd.service", "/usr/bin/true"), "[Service]", "[Service]\nType=oneshot\nRestart=always")
	bocaditos(t, "build", p.dir).wants(t, 5,
		"systemd refuses to load enabled units:\n  odd.service: Service has Restart= set to either always or on-success, which isn't allowed for Type=oneshot services. Refusing.\n",
		"\n  hint: correct the unit, or list it in units.disable or units.mask\n")
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
		"", "[[files]]\npath = \"/etc/credstore/mine\"\ncontent = \"secret\"\nmode = \"0600\"\n",
		`#keep = ["/usr/lib/udev/hwdb.d"]`, `keep = ["/usr/lib/kernel/*.conf", "/usr/lib/no-such-thing"]`,
		`"/usr/share/doc/*",`, `"/usr/share/doc/*", "/usr/share/no-such-thing",`)
	bocaditos(t, "build", p.dir).wants(t, exitOK, `warning: root.exclude "/usr/share/no-such-thing" matches nothing`,
		`warning: root.keep "/usr/lib/no-such-thing" keeps nothing that would be left out`).without(t, "not-there")
	p.holds(t, "box_1")
	whole(t, p.image())
	bocaditos(t, "why", "--image", p.dir, "/etc/debian_version").wants(t, exitOK, `files "/etc/debian_version"`)
	bocaditos(t, "why", "--image", p.dir, "/etc/credstore").wants(t, exitOK, "/etc/credstore  dir 0700 0:0", `recipe (files "/etc/credstore/mine")`)
	bocaditos(t, "why", "--image", p.dir, "/etc/credstore/mine").wants(t, exitOK, "/etc/credstore/mine  file 0600 0:0")
	bocaditos(t, "why", "--image", p.dir, "/etc/credstore.encrypted").wants(t, exitOK, "/etc/credstore.encrypted  left out\n")
	bocaditos(t, "why", "--image", p.dir, "/usr/lib/kernel/install.conf").wants(t, exitOK, "/usr/lib/kernel/install.conf  file 0644 0:0\n    package systemd\n")
	bocaditos(t, "why", "--image", p.dir, "/usr/lib/kernel/install.d").wants(t, exitOK, "/usr/lib/kernel/install.d  left out\n    package systemd\n    left out (installs kernels ")
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

// What a state partition needs is said when the image is built: at its first
// boot it would be too late.
func TestStateWithoutItsPackages(t *testing.T) {
	p := derive(t, "#[state]", "[state]", `#encrypt = "tpm"`, `encrypt = "tpm"`)
	bocaditos(t, "build", p.dir).wants(t, 5, "[state] needs what the image does not have: /usr/bin/systemd-repart, /usr/sbin/mkfs.ext4, /usr/bin/systemd-cryptsetup, /usr/lib/*/libtss2-esys.so.0, ",
		"\n  hint: add \"e2fsprogs\", \"libtss2-esys-3.0.2-0t64\", \"libtss2-mu-4.0.1-0t64\", \"libtss2-rc0t64\", \"libtss2-tcti-device0t64\", \"systemd-cryptsetup\", \"systemd-repart\" to packages.install\n")
	p.holds(t)
}
