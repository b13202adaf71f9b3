package recipe

import (
	"bytes"
	"encoding/json"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/bocaditos/bocaditos/internal/stricttoml"
)

func keys() []stricttoml.Key { return stricttoml.Keys(defaults(), docs()) }

func TestReferenceIsUpToDate(t *testing.T) { golden(t, "../../docs/image.toml.md", Reference()) }

func TestSchemaIsUpToDate(t *testing.T) { golden(t, "../../docs/image.schema.json", string(Schema())) }

// Every key has words and an example that reads, and no words are left of a
// key that is gone.
func TestEveryKeyIsDocumented(t *testing.T) {
	left := docs()
	delete(left, "")
	for _, k := range keys() {
		if k.Text == "" || !strings.HasSuffix(k.Text, ".") {
			t.Errorf("%s: %q is no sentence", k.Name, k.Text)
		}
		if !k.Table {
			checkExample(t, k)
		}
		delete(left, k.Name)
	}
	for name := range left {
		t.Errorf("%s is documented, but is no key", name)
	}
}

// required is what an item of a list of tables must have.
var required = map[string]map[string]string{
	"files":    {"path": `"/a"`},
	"users":    {"name": `"a"`},
	"groups":   {"name": `"a"`},
	"networks": {"name": `"en*"`},
}

// checkExample reads a recipe with nothing but the example and what is required.
func checkExample(t *testing.T, k stricttoml.Key) {
	all := map[string]string{"id": `"x"`, "version": `"1"`, "architecture": `"x86-64"`, "packages.install": `["xx"]`}
	if list, name, _ := strings.Cut(k.Name, "."); required[list] != nil {
		item := map[string]string{}
		maps.Copy(item, required[list])
		if list == "files" && !slices.Contains([]string{"source", "symlink", "directory"}, name) {
			item["content"] = `""`
		}
		switch k.Name {
		case "networks.mac":
			delete(item, "name")
		case "networks.gateways":
			item["addresses"] = `["192.0.2.10/24"]`
		}
		item[name] = k.Example
		var items []string
		for key, value := range item {
			items = append(items, key+" = "+value)
		}
		all[list] = "[{ " + strings.Join(items, ", ") + " }]"
	} else {
		if strings.HasPrefix(k.Name, "nix.") {
			all["packages.source"] = `"nix"`
		}
		switch k.Name {
		case "kernel.build.tarball":
			all["kernel.build.sha256"] = `"` + strings.Repeat("0", 64) + `"`
		case "kernel.build.sha256":
			all["kernel.build.tarball"] = `"x.tar"`
		}
		all[k.Name] = k.Example
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text.WriteString(name + " = " + all[name] + "\n")
	}
	if _, err := Parse("image.toml", []byte(text.String())); err != nil {
		t.Errorf("the example of %s is wrong:\n%v", k.Name, err)
	}
}

// The recipe that the reference begins with must read.
func TestReferenceExample(t *testing.T) {
	_, text, _ := strings.Cut(Reference(), "```toml\n")
	text, _, _ = strings.Cut(text, "```")
	mustParse(t, text)
}

// validator judges JSON documents, one a line, by the schema in its first
// line. It checks the schema itself first.
const validator = `
import json, sys
from jsonschema import Draft202012Validator as Validator
schema = json.loads(sys.stdin.readline())
Validator.check_schema(schema)
for line in sys.stdin:
    print("wrong" if list(Validator(schema).iter_errors(json.loads(line))) else "right")
`

// TestSchemaAgreesWithParse has python3-jsonschema, another implementation,
// judge what Parse judges. Rules between keys are beyond a schema, and so are
// files that are not TOML.
func TestSchemaAgreesWithParse(t *testing.T) {
	type document struct{ name, text, want string }
	var list []document
	for pattern, want := range map[string]string{
		"testdata/right/*.toml": "right", "../../examples/*/image.toml": "right", "testdata/wrong/*.toml": "wrong",
	} {
		for file, data := range recipes(t, pattern) {
			list = append(list, document{file, string(data), want})
		}
	}
	const head = "id = 'x'\nversion = '1'\narchitecture = 'x86-64'\npackages.install = ['xx']\n"
	for _, tail := range []string{
		"", "color = 1", "units.enable = 'a.service'", "units.enable = ['a']", "units.enable = ['a.service', 'a.service']",
		"units.enable = ['a@b.service']", "output.kinds = []", "output.kinds = ['disk']", "output.kinds = ['floppy']",
		"budget.root = '1.5G'", "budget.root = 15", "budget.root = -1", "budget.root = 1.5", "budget.root = '1.5 GB'",
		"debian.max_age_days = 0", "debian.max_age_days = 1", "debian.mirror = ''", "debian.mirror = 'ftp://x'",
		"debian.mirror = 'http://x/y'", "debian.mirror = 'file:/x'", "root.exclude = ['/x']", "root.exclude = ['x']", "root.exclude = ['/']",
		"kernel.command_line = ['a b']", `kernel.command_line = ['a="b c"']`, "kernel.command_line = ['']", "initrd.modules = ['a.ko']",
		"kernel.build = {}", "kernel.build.package = 'linux-source'", "kernel.build.fragments = ['base', './a.config', '/a']", "kernel.build.fragments = ['Base']",
		"kernel.build.options = ['A=y', 'CONFIG_B=n', 'C=-1', 'D=0x1F', 'E=\"x y\"']", "kernel.build.options = ['A']", "kernel.build.options = ['A=maybe']",
		"kernel.build.compiler = 'gcc-13'", "kernel.build.compiler = ''",
		"files = [{ path = '/a' }]", "files = [{ path = '/a', content = '' }]", "files = [{ path = '/a', directory = true }]",
		"files = [{ path = '/a', directory = false }]", "files = [{ path = '/a', content = '', source = 'x' }]",
		"files = [{ path = '/a', symlink = 'x' }]", "files = [{ path = '/a', symlink = 'x', mode = '0644' }]", "files = [{ path = '/a', symlink = '' }]",
		"files = [{ path = '/a', content = '', uid = 65535 }]", "files = [{ path = '/a', content = '', uid = 4294967295 }]",
		"files = [{ path = '/a', content = '', uid = 4294967294 }]", "files = [{ path = '/a', content = '', gid = -1 }]",
		"files = [{ path = '/a', content = '', mode = '0644' }]", "files = [{ path = '/a', content = '', mode = '0999' }]",
		"files = [{ path = 'a', content = '' }]", "files = [{ path = '/run/a', content = '' }]", "files = [{ path = '/runner', content = '' }]",
		"networks = [{ name = 'a' }]", "networks = [{ mac = '52:54:00:12:34:56' }]", "networks = [{ mac = '52:54:00:12:34' }]", "networks = [{}]",
		"networks = [{ name = 'a', mac = '52:54:00:12:34:56' }]", "networks = [{ name = 'a b' }]", "networks = [{ name = 'a', dhcp = false }]",
		"networks = [{ name = 'a', addresses = ['192.0.2.1'] }]", "networks = [{ name = 'a', addresses = ['192.0.2.1/24', 'fd00::1/64'] }]",
		"networks = [{ name = 'a', dns = ['192.0.2.1:53', '[fd00::1]:853#a.b', 'fd00::1', '::1#c'] }]", "networks = [{ name = 'a', dns = ['fd00::1]:53'] }]",
		"networks = [{ name = 'a', domains = ['~.', '~a.b', 'a'] }]", "networks = [{ name = 'a', domains = ['a..b'] }]",
		"boot.on_corruption = 'ignore'", "boot.on_corruption = 'halt'", "packages.source = 'nix'",
	} {
		want := "right"
		if _, err := Parse("image.toml", []byte(head+tail)); err != nil {
			want = "wrong"
		}
		list = append(list, document{tail, head + tail, want})
	}
	var input, schema bytes.Buffer
	if err := json.Compact(&schema, Schema()); err != nil {
		t.Fatal(err)
	}
	input.Write(append(schema.Bytes(), '\n'))
	judged := list[:0]
	for _, d := range list {
		var value map[string]any
		if slices.Contains([]string{"testdata/wrong/contradictions.toml"}, d.name) || toml.Unmarshal([]byte(d.text), &value) != nil {
			continue
		}
		line, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		input.Write(append(line, '\n'))
		judged = append(judged, d)
	}
	// Debian's own interpreter is the one that sees Debian's modules.
	cmd := exec.Command("/usr/bin/python3", "-c", validator)
	cmd.Stdin = &input
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("python3-jsonschema (a package of Debian, which `make test` installs) failed: %v\n%s", err, out)
	}
	verdicts := strings.Fields(string(out))
	if len(verdicts) != len(judged) {
		t.Fatalf("%d verdicts about %d documents:\n%s", len(verdicts), len(judged), out)
	}
	for i, d := range judged {
		if verdicts[i] != d.want {
			t.Errorf("the schema says %s, Parse says %s: %s", verdicts[i], d.want, d.name)
		}
	}
}
