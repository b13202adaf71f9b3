package stricttoml

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

type port uint16

func (p port) Validate() error {
	if p == 0 {
		return Hint("port 0 is none", "22 is for SSH")
	}
	return nil
}

type level string

func (level) Enum() []string { return []string{"low", "high"} }

type config struct {
	Name   string   `toml:"name,required"`
	Port   port     `toml:"port"`
	Words  []string `toml:"words"`
	Level  level    `toml:"level"`
	On     *bool    `toml:"on"`
	Server struct {
		Address string `toml:"address"`
		Deep    struct {
			Number int8 `toml:"number"`
		} `toml:"deep"`
	} `toml:"server"`
	Users []struct {
		Name string `toml:"name,required"`
		Keys []struct {
			Text string `toml:"text"`
		} `toml:"keys"`
	} `toml:"users"`
}

// All ways to write one document give one value, and the places of its keys.
func TestWaysToWriteIt(t *testing.T) {
	for _, text := range []string{
		"name='n'\nport=22\nwords=['a','b']\nserver.address='x'\nserver.deep.number=-1\nusers=[{name='u',keys=[{text='k'},{}]},{name='v'}]",
		"words=[\n 'a', # one\n 'b',\n]\nname=\"\\u006e\"\nport=0x16\n[server]\naddress='x'\n[server.deep]\nnumber=-1\n[[users]]\nname='u'\n[[users.keys]]\ntext='k'\n[[users.keys]]\n[[users]]\nname='v'",
		"[server.deep]\nnumber=-1\n[server]\naddress='x'\n[[users]]\nname='u'\nkeys=[{text='k'},{}]\n[[users]]\nname='v'\n",
	} {
		c := config{Name: "n", Port: 22, Words: []string{"a", "b"}}
		text = strings.ReplaceAll(text, "\n", "\r\n")
		if !strings.Contains(text, "port") {
			text = "name='n'\r\n" + text
		}
		d := Decode("f", []byte(text), &c, nil)
		if err := d.Err(); err != nil {
			t.Errorf("%s\n%v", text, err)
			continue
		}
		var want config
		if err := toml.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if want.Port == 0 { // the third document leaves it to the defaults
			want.Port, want.Words = 22, []string{"a", "b"}
		}
		// go-toml leaves nil where there is a table without keys; compare what they hold.
		if got, want := fmt.Sprint(c), fmt.Sprint(want); got != want {
			t.Errorf("%s\nis %s, want %s", text, got, want)
		}
		for _, key := range []string{"name", "server.deep.number", "users[0].keys[0].text", "users[1].name"} {
			if !d.Has(key) || d.Line(key) == 0 {
				t.Errorf("%s\n%s is nowhere", text, key)
			}
		}
		if d.Has("users[1].keys") || d.Line("users[2]") != 0 {
			t.Errorf("%s\nhas what is not there", text)
		}
	}
}

func TestReportPointsAtTheNearestPlace(t *testing.T) {
	d := Decode("f", []byte("name = 'n'\n[[users]]\nname = 'u'\n"), new(config), nil)
	for key, want := range map[string]string{
		"users[0].name": "f:3:8: m", "users[0].keys[1].text": "f:2:3: m", "users[7]": "f:2:3: m", "port": "f: m",
	} {
		d.errs = nil
		d.Report(key, "m", "h")
		if got := d.Err().Error(); !strings.HasPrefix(got, want+"\n") || !strings.HasSuffix(got, "\n  hint: h") {
			t.Errorf("%s is reported as\n%s\nwant %s", key, got, want)
		}
	}
}

func TestErrorsUnwrap(t *testing.T) {
	err := Decode("f", []byte("port = 0\nlevel = 'lwo'\n"), new(config), nil).Err()
	var first *Error
	if !errors.As(err, &first) || first.Message != `missing key "name"` || first.Line != 0 {
		t.Errorf("first error %+v", first)
	}
	var list Errors
	if !errors.As(err, &list) || len(list) != 3 || list[1].Hint != "22 is for SSH" || list[2].Hint != `did you mean "low"?` {
		t.Errorf("errors\n%v", err)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"install", "instal", 1}, {"enable", "enbale", 1}, {"kitten", "sitting", 3}, {"größe", "grösse", 2}} {
		if got, back := distance(c.a, c.b), distance(c.b, c.a); got != c.want || back != c.want {
			t.Errorf("distance of %q and %q is %d and %d, want %d", c.a, c.b, got, back, c.want)
		}
	}
}

func TestMapAndKeys(t *testing.T) {
	c := config{Name: "n", Port: 1, Words: []string{"w"}}
	want := map[string]any{
		"name": "n", "port": int64(1), "words": []any{"w"}, "level": "", "users": []any{},
		"server": map[string]any{"address": "", "deep": map[string]any{"number": int64(0)}},
	}
	if got := Map(&c); !reflect.DeepEqual(got, want) {
		t.Errorf("map %v, want %v", got, want)
	}
	var lines []string
	for _, k := range Keys(&c, nil) {
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%s: %s %v %s %s", k.Name, k.Type, k.Required, k.Default, strings.Join(k.Values, "|")), " "))
	}
	if got, want := strings.Join(lines, "\n"), "name: string true\nport: whole number false `1`\nwords: list of strings false `[\"w\"]`\nlevel: string false `\"\"` low|high\non: boolean false\n"+
		"server: table false\nserver.address: string false `\"\"`\nserver.deep: table false\nserver.deep.number: whole number false `0`\n"+
		"users: list of tables false\nusers.name: string true\nusers.keys: list of tables false\nusers.keys.text: string false `\"\"`"; got != want {
		t.Errorf("keys\n%s\nwant\n%s", got, want)
	}
}

// FuzzDecode: nothing panics, and Decode and go-toml agree about what is TOML.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"name='n'\n[server]\ndeep.number=1\n[server.deep.x]\n", "a.b=1\n[a]\n", "[a]\n[a]", "[[a]]\n[a]", "a=[{b=1},{b=2}]\n[a.c]", "[a.b]\n[a]\n[[a.b]]",
		"[[users]]\nname='u'\n[[users.keys]]\n[users.keys.x]\n[[users]]\n", "a={b={c=1},b.d=2}", "words=['a'\n[server]\n", "x=\"\"\"\n[server]\n", "[server]#\x01\n[server]",
		"port=1_0\non=true\nt=07:32:00\nf=1e5\n", "\"\".''=1\n", "a=[[1],[2,[3]]]", "\xef\xbb\xbfname='x'", "name=\"\\ud800\"", "port = 2024-13-45",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := Decode("f", data, new(config), nil)
		err := d.Err()
		if err != nil && err.Error() == "" {
			t.Error("an error without text")
		}
		var ignored map[string]any
		tomlErr := toml.Unmarshal(data, &ignored)
		if tomlErr != nil && err == nil {
			t.Errorf("accepted, but go-toml says: %v", tomlErr)
		}
		for _, e := range d.errs {
			if e.syntax && tomlErr == nil {
				t.Errorf("go-toml accepts it, but:\n%v", e)
			}
		}
	})
}
