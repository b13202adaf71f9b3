package nix

import (
	"reflect"
	"strings"
	"testing"
)

// The same two paths in all formats that nix path-info --json has had, each with
// the fields of its schema; another path is not in the store.
func TestParsePathInfos(t *testing.T) {
	const (
		a   = "00000000000000000000000000000000-a"
		b   = "11111111111111111111111111111111-b"
		c   = "22222222222222222222222222222222-c"
		dir = "/nix/store/"
		sum = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
	)
	hash := "sha256:" + sum
	want := map[string]pathInfo{
		dir + a: {path: dir + a, sha256: sum, size: 100, references: []string{dir + a, dir + b}, signatures: []string{"k-1:c2ln"}},
		dir + b: {path: dir + b, sha256: sum, size: 200},
	}
	for name, text := range map[string]string{
		"2.8": `[{"path":"/nix/store/A","narHash":"HASH","narSize":100,"references":["/nix/store/B","/nix/store/A"],"deriver":"/nix/store/x.drv","registrationTime":1,"signatures":["k-1:c2ln"],"valid":true},
			{"path":"/nix/store/B","narHash":"HASH","narSize":200,"references":[],"registrationTime":1,"valid":true},{"path":"/nix/store/C","valid":false}]`,
		"2.19": `{"/nix/store/A":{"ca":null,"deriver":null,"narHash":"HASH","narSize":100,"references":["/nix/store/B","/nix/store/A"],"registrationTime":1,"signatures":["k-1:c2ln"],"ultimate":true},
			"/nix/store/B":{"ca":"fixed:r:HASH","deriver":null,"narHash":"HASH","narSize":200,"references":[],"registrationTime":1,"signatures":[],"ultimate":false},"/nix/store/C":null}`,
		"version 2": `{"version":2,"storeDir":"/nix/store","info":{"A":{"version":2,"storeDir":"/nix/store","ca":null,"deriver":null,"narHash":"HASH","narSize":100,"references":["B","A"],"registrationTime":1,"signatures":["k-1:c2ln"],"ultimate":true,"lastUsageTime":null},
			"B":{"version":2,"storeDir":"/nix/store","ca":{"method":"nar","hash":"HASH"},"deriver":null,"narHash":"HASH","narSize":200,"references":[],"registrationTime":1,"signatures":[],"ultimate":false},"C":null}}`,
		"version 3": `{"version":3,"storeDir":"/nix/store","info":{"A":{"version":3,"storeDir":"/nix/store","ca":null,"deriver":null,"narHash":"HASH","narSize":100,"references":["B","A"],"registrationTime":1,"signatures":[{"keyName":"k-1","sig":"c2ln"}],"ultimate":true},
			"B":{"version":3,"storeDir":"/nix/store","ca":null,"deriver":null,"narHash":{"algorithm":"sha256","format":"base16","hash":"` + sum + `"},"narSize":200,"references":[],"registrationTime":1,"signatures":[],"ultimate":false}}}`,
	} {
		text = strings.NewReplacer(`"A"`, `"`+a+`"`, `"B"`, `"`+b+`"`, `"C"`, `"`+c+`"`, "/A", "/"+a, "/B", "/"+b, "/C", "/"+c, "HASH", hash).Replace(text)
		got, err := parsePathInfos([]byte(text))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v (%v)", name, got, err)
		}
	}
	for name, text := range map[string]string{
		"not JSON":       `nix`,
		"another store":  `[{"path":"/gnu/store/` + a + `","narHash":"` + hash + `","narSize":1}]`,
		"not a path":     `{"../x":{"narHash":"` + hash + `","narSize":1}}`,
		"bad hash":       `{"` + a + `":{"narHash":"md5:x","narSize":1}}`,
		"bad references": `{"` + a + `":{"narHash":"` + hash + `","narSize":1,"references":["x"]}}`,
	} {
		if got, err := parsePathInfos([]byte(text)); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
