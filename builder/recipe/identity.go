package recipe

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/bocaditos/bocaditos/internal/stricttoml"
)

// System is what every machine of the image is told about itself. Credentials
// at boot can say otherwise for a single one.
type System struct {
	Hostname Hostname `toml:"hostname"` // empty: see the method Hostname
	Timezone Timezone `toml:"timezone"` // empty: UTC
	Locale   Locale   `toml:"locale"`   // empty: systemd's own, C.UTF-8
	Keymap   Keymap   `toml:"keymap"`   // empty: the kernel's
	Font     Font     `toml:"font"`     // empty: the kernel's
}

// A Group is one that no package makes.
type Group struct {
	Name AccountName `toml:"name,required"`
	GID  *Owner      `toml:"gid"` // nil: systemd-sysusers chooses
}

// A User is somebody who logs in, a system user for a service, or root, who
// is there already and gets what is said here.
type User struct {
	Name           AccountName     `toml:"name,required"`
	UID            *Owner          `toml:"uid"` // nil: see complete
	Description    Description     `toml:"description"`
	Group          AccountName     `toml:"group"` // empty: one of the same name
	Groups         []AccountName   `toml:"groups"`
	Home           Path            `toml:"home"`  // empty: see complete
	Shell          Path            `toml:"shell"` // empty: systemd-sysusers chooses
	PasswordHash   PasswordHash    `toml:"password_hash"`
	AuthorizedKeys []AuthorizedKey `toml:"authorized_keys"`
	System         bool            `toml:"system"`
	Locked         bool            `toml:"locked"`
}

// rootUser is the user that every system has.
const rootUser = "root"

// firstUID is where people's numbers start, by login.defs(5) and systemd.
const firstUID = 1000

// Types of single values, as in values.go.
type (
	Hostname      string // hostname(5)
	Timezone      string // a name in the IANA database
	Locale        string // locale.conf(5)
	Keymap        string // vconsole.conf(5)
	Font          string // vconsole.conf(5)
	AccountName   string // of a user or group, as systemd's USER_NAMES in strict mode
	Description   string // the GECOS field
	PasswordHash  string // crypt(5)
	AuthorizedKey string // one line of AUTHORIZED_KEYS in sshd(8)
)

var (
	hostnameRule = rule{"host name", regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`), 64,
		"lower-case letters, digits and '-', parts separated by '.'"}
	timezoneRule = rule{"time zone", regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`), 0,
		`a name of the time zone database, such as "Europe/Vienna" or "UTC"`}
	localeRule = rule{"locale", regexp.MustCompile(`^(C|POSIX|[A-Za-z][A-Za-z0-9_]*\.[A-Za-z0-9-]+(@[a-z]+)?)$`), 0,
		`language, country and character set: "de_AT.UTF-8", or "C.UTF-8"`}
	keymapRule = rule{"keymap", regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]*$`), 0,
		`the name of a map of loadkeys(1), such as "de"`}
	fontRule = rule{"console font", regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]*$`), 0,
		`the name of a font of setfont(8), such as "Lat2-Terminus16"`}
	accountRule = rule{"name of a user or group", regexp.MustCompile(`^[a-z_][a-z0-9_-]*$`), 31,
		"lower-case letters, digits, '_' and '-', not a digit first"}
	descriptionRule = rule{"description", regexp.MustCompile(`^[^:"\\%\x00-\x1f\x7f]*$`), 255,
		`one line without ':', '"', '\' and '%'`}
)

func (v Hostname) Validate() error    { return hostnameRule.check(string(v)) }
func (v Timezone) Validate() error    { return timezoneRule.check(string(v)) }
func (v Locale) Validate() error      { return localeRule.check(string(v)) }
func (v Keymap) Validate() error      { return keymapRule.check(string(v)) }
func (v Font) Validate() error        { return fontRule.check(string(v)) }
func (v AccountName) Validate() error { return accountRule.check(string(v)) }
func (v Description) Validate() error { return descriptionRule.check(string(v)) }

func (Hostname) TOMLType() (string, map[string]any)    { return hostnameRule.schema() }
func (Timezone) TOMLType() (string, map[string]any)    { return timezoneRule.schema() }
func (Locale) TOMLType() (string, map[string]any)      { return localeRule.schema() }
func (Keymap) TOMLType() (string, map[string]any)      { return keymapRule.schema() }
func (Font) TOMLType() (string, map[string]any)        { return fontRule.schema() }
func (AccountName) TOMLType() (string, map[string]any) { return accountRule.schema() }
func (Description) TOMLType() (string, map[string]any) { return descriptionRule.schema() }

// passwordHash is what libxcrypt of today's distributions checks and what is
// not trivially broken: no DES, MD5 or plain SHA.
var passwordHash = regexp.MustCompile(`^\$(y|gy|7|2b|2y|6|5)\$[!-9;-~]{20,}$`)

// Validate refuses everything that is not a strong hash, and never repeats it:
// it may be the password itself.
func (v PasswordHash) Validate() error {
	if passwordHash.MatchString(string(v)) {
		return nil
	}
	message := "the value is not a hash of a password that crypt(5) of today makes"
	if !strings.HasPrefix(string(v), "$") {
		message = "the value is not a hash of a password; is it the password itself? A recipe is no place for one"
	}
	return stricttoml.Hint(message, "`mkpasswd` (Debian: whois) or `openssl passwd -6` asks for the password and prints the hash")
}

func (PasswordHash) TOMLType() (string, map[string]any) {
	return "password hash", map[string]any{"pattern": passwordHash.String()}
}

// Validate reads the key as sshd does.
func (v AuthorizedKey) Validate() error {
	if strings.ContainsAny(string(v), "\n\r") {
		return stricttoml.Hint("the key has more than one line", "one key for each element of the list")
	}
	if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(v)); err != nil {
		hint := `the content of a ".pub" file, such as "ssh-ed25519 AAAA… me@home"`
		if strings.Contains(string(v), "PRIVATE KEY") {
			hint = "this is the private half, which stays where it is; " + hint
		}
		return stricttoml.Hint("this is no SSH public key", hint)
	}
	return nil
}

func (AuthorizedKey) TOMLType() (string, map[string]any) {
	return "SSH public key", map[string]any{"pattern": `^[^\n\r]+$`}
}

// Hostname is the name of machines that nothing else gives one.
func (r *Recipe) Hostname() string {
	if r.System.Hostname != "" {
		return string(r.System.Hostname)
	}
	return strings.Trim(strings.NewReplacer("_", "-", ".", "-").Replace(string(r.ID)), "-")
}

// completeIdentity fills in the defaults that depend on other keys.
func (r *Recipe) completeIdentity() {
	people := 0
	for _, u := range r.Users {
		if u.person() {
			people++
		}
	}
	for i := range r.Users {
		u := &r.Users[i]
		if !u.person() {
			continue
		}
		if u.UID == nil && people == 1 {
			uid := Owner(firstUID)
			u.UID = &uid
		}
		if u.Home == "" && u.Name != "" {
			u.Home = Path("/home/" + u.Name)
		}
	}
}

// person says whether the user is neither root nor for a service.
func (u User) person() bool { return !u.System && u.Name != rootUser }

// checkIdentity applies the rules between the keys of users and groups.
func (r *Recipe) checkIdentity(doc *stricttoml.Document) {
	taken := map[Owner]string{}
	names := map[AccountName]string{}
	twice := func(key, what string, name AccountName) {
		if before, ok := names[name]; ok && name != "" {
			doc.Report(key+".name", fmt.Sprintf("name: there is %s %q already", what, name), fmt.Sprintf("line %d has it", doc.Line(before+".name")))
		}
		names[name] = key
	}
	for i, g := range r.Groups {
		key := fmt.Sprintf("groups[%d]", i)
		twice(key, "a group", g.Name)
		if g.Name == rootUser {
			doc.Report(key+".name", `name: the group "root" is in every image`, "remove it")
		}
	}
	groups := names
	names = map[AccountName]string{}
	next := Owner(firstUID)
	for _, u := range r.Users {
		if u.UID != nil {
			next = max(next, *u.UID+1)
		}
	}
	for i, u := range r.Users {
		key := fmt.Sprintf("users[%d]", i)
		twice(key, "a user", u.Name)
		if u.Name == rootUser {
			for _, k := range []string{"uid", "group", "groups", "home", "system", "description"} {
				if doc.Has(key + "." + k) {
					doc.Report(key+"."+k, k+": root has what every system gives it", "only shell, password_hash, authorized_keys and locked can be said of root")
				}
			}
			continue
		}
		if other, ok := groups[u.Name]; ok && u.Name != "" && u.Group == "" {
			doc.Report(key+".name", fmt.Sprintf("name: the user's own group %q is declared, too", u.Name), fmt.Sprintf("remove line %d, or choose another group with the key group", doc.Line(other+".name")))
		}
		switch {
		case u.UID == nil && u.person() && u.Name != "":
			doc.Report(key, fmt.Sprintf("user %q has no uid", u.Name), fmt.Sprintf("where there are several people each needs one, so that files in /var keep their owner when the list changes; uid = %d is free", next))
			next++
		case u.UID != nil && *u.UID == 0:
			doc.Report(key+".uid", "uid: 0 is root", "")
		case u.UID != nil && u.person() && *u.UID < firstUID:
			doc.Report(key+".uid", fmt.Sprintf("uid: %d is a number for system users", *u.UID), fmt.Sprintf("add system = true, or choose one from %d", firstUID))
		case u.UID != nil:
			if other, ok := taken[*u.UID]; ok {
				doc.Report(key+".uid", fmt.Sprintf("uid: %d is taken", *u.UID), fmt.Sprintf("line %d has it", doc.Line(other+".name")))
			}
			taken[*u.UID] = key
		}
		if i := slices.Index(u.Groups, u.Group); i >= 0 && u.Group != "" {
			doc.Report(fmt.Sprintf("%s.groups[%d]", key, i), fmt.Sprintf("%q is the user's first group already", u.Group), "remove it")
		}
	}
}
