package maintscript

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// A rule is what is known of a command, whichever package calls it.
type rule struct {
	nothing bool     // it changes nothing that could be in an image
	why     string   // else, why it need not run
	by      []string // and what does its work
}

// The stages of a build that do what commands of scripts would have done, as
// Command.By and known.toml name them.
const (
	Sysusers  = "systemd-sysusers"
	Tmpfiles  = "systemd-tmpfiles"
	Presets   = "presets"
	Ldconfig  = "ldconfig"
	Depmod    = "depmod"
	Initrd    = "initrd"
	Hwdb      = "systemd-hwdb"
	Localedef = "localedef"
	Firstboot = "systemd-firstboot"

	Certificates = "certs"
)

// Stages are all of them.
var Stages = []string{Sysusers, Tmpfiles, Presets, Ldconfig, Depmod, Initrd, Hwdb, Localedef, Firstboot, Certificates}

// readers only read and print, whatever their arguments.
var readers = set(`
	[ alias arch basename bg break cat cd cmp comm continue cut diff dirname dpkg-architecture dpkg-query dpkg-realpath
	echo egrep expr false fgrep file fold getcap getconf getent getopts grep groups hash head id ischroot jobs join kill
	killall logger logname ls lsb_release lsof md5sum mktemp nproc od paste pgrep pidof pkill printenv printf ps pwd
	read readlink realpath return rev runlevel seq set sha1sum sha224sum sha256sum sha384sum sha512sum shift sleep ss
	stat sync systemd-detect-virt systemd-escape systemd-path tac tail test times tr true tty type ulimit umask uname
	uniq unset uptime wait wc which who whoami yes aa-enabled aa-status selinuxenabled pathfind`)

var simpleRules = map[string]rule{
	"systemd-sysusers": {why: "makes users and groups", by: []string{Sysusers}},
	"systemd-tmpfiles": {why: "makes files and directories", by: []string{Tmpfiles}},
	"ldconfig":         {why: "makes the linker's cache", by: []string{Ldconfig}},
	"depmod":           {why: "makes the index of modules", by: []string{Depmod}},
	"update-initramfs": {why: "makes an initramfs", by: []string{Initrd}},
	"systemd-hwdb":     {why: "makes the hardware database", by: []string{Hwdb}},

	"deb-systemd-helper": {why: "enables units", by: []string{Presets}},
	"update-rc.d":        {why: "enables init scripts", by: []string{Presets}},

	"deb-systemd-invoke": onlyRunning, "invoke-rc.d": onlyRunning, "service": onlyRunning, "start-stop-daemon": onlyRunning,
	"dbus-send": onlyRunning, "modprobe": onlyRunning, "sysctl": onlyRunning, "telinit": onlyRunning,
	"apparmor_parser": onlyRunning,

	"dpkg-maintscript-helper": older,
	"ucfr":                    {why: "is a note for ucf"},
	"dpkg-trigger":            {why: "calls scripts that are judged themselves"},
	"runit-helper":            {why: "is for runit"},
	"restorecon":              {why: "is for SELinux"},

	"py3compile": byteCode, "py3clean": byteCode, "pycompile": byteCode, "pyclean": byteCode, "pypy3compile": byteCode, "pypy3clean": byteCode,

	"update-menus": desktop, "update-icon-caches": desktop, "gtk-update-icon-cache": desktop,
	"install-docs": reading, "install-info": reading, "update-info-dir": reading, "mandb": reading,
}

var (
	onlyRunning = rule{why: "is for services that run"}
	byteCode    = rule{why: "makes Python's byte code, which Python can do without"}
	desktop     = rule{why: "makes caches of desktops, which they can do without"}
	reading     = rule{why: "is documentation"}
	tempfiles   = rule{why: "would be gone after a boot"}
	gone        = rule{why: "removes what is not there"}
	there       = rule{why: "makes what is there"}
	apparmor    = rule{why: "is for AppArmor, which the image does not have"}
	unmerged    = rule{why: "is for systems whose /usr is not merged"}
	older       = rule{why: "moves files of older versions"}
	nothing     = rule{nothing: true}
)

// rule is what is known of a command without knowing its package.
func (w *walker) rule(args []value) (rule, bool) {
	name := path.Base(args[0].text)
	rest := args[1:]
	if r, ok := simpleRules[name]; ok {
		return r, true
	}
	if readers[name] || strings.HasPrefix(name, "db_") && args[0].text == name {
		return nothing, true
	}
	switch name {
	case "systemctl":
		return systemctl(rest)
	case "dpkg", "dpkg-divert", "dpkg-statoverride", "update-alternatives":
		return database(name, rest)
	case "udevadm":
		return onlyRunning, len(rest) > 0 && slices.Contains([]string{"trigger", "settle", "control", "info"}, rest[0].text)
	case "sed", "awk", "mawk", "gawk", "sort", "date", "hostname", "find", "tee", "xargs":
		return nothing, w.readsOnly(name, rest)
	case "mkdir", "rmdir", "rm", "touch", "chown", "chmod", "chgrp", "cp", "mv", "ln", "install":
		return w.files(name, rest)
	}
	return rule{}, false
}

// systemctl's verbs, by what they would have done.
var (
	enabling = set("enable disable reenable preset preset-all mask unmask revert add-wants add-requires")
	managing = set(`start stop restart try-restart reload reload-or-restart try-reload-or-restart condrestart force-reload
		daemon-reload daemon-reexec kill reset-failed isolate freeze thaw`)
	asking = set(`is-active is-enabled is-failed is-system-running show status list-units list-unit-files list-sockets
		list-timers list-jobs cat get-default show-environment`)
)

func systemctl(args []value) (rule, bool) {
	verb := slices.IndexFunc(args, func(a value) bool { return !strings.HasPrefix(a.text, "-") })
	switch {
	case verb < 0 || !args[verb].known:
		return rule{}, false
	case asking[args[verb].text]:
		return nothing, true
	case managing[args[verb].text]:
		return onlyRunning, true
	case enabling[args[verb].text]:
		return rule{why: "enables units", by: []string{Presets}}, true
	}
	return rule{}, false
}

// database judges the tools of dpkg that can read and write.
func database(name string, args []value) (rule, bool) {
	has := func(option string) bool { return slices.Contains(args, known(option)) }
	switch {
	case name == "update-alternatives" && has("--install"):
		i := slices.Index(args, known("--install"))
		return reading, i+1 < len(args) && documentation(args[i+1].text)
	case name == "dpkg-divert" && slices.ContainsFunc(args, func(a value) bool { return strings.HasSuffix(a.text, ".usr-is-merged") }):
		return unmerged, true
	case name == "dpkg-divert" && has("--remove"), name == "update-alternatives" && (has("--remove") || has("--remove-all")):
		return gone, true
	case has("--add") || has("--remove"):
		return rule{}, false
	}
	asks := map[string]map[string]bool{
		"dpkg":                set("-s --status -l --list -L --listfiles -S --search -p --print-architecture --print-foreign-architectures --compare-versions --validate-version"),
		"dpkg-divert":         set("--list --listpackage --truename"),
		"dpkg-statoverride":   set("--list"),
		"update-alternatives": set("--list --query --display --get-selections"),
	}[name]
	return nothing, slices.ContainsFunc(args, func(a value) bool { return asks[a.text] })
}

var (
	sedInPlace = regexp.MustCompile(`^(-[a-zA-Z]*i|--in-place)`)
	sedWrite   = regexp.MustCompile(`(^|[^a-zA-Z])[gpI0-9]*w\s*[/.]`)
)

// readsOnly judges programs that read and print, unless they are told to write.
func (w *walker) readsOnly(name string, args []value) bool {
	writes := func(a value) bool { return false }
	switch name {
	case "sed":
		writes = func(a value) bool { return sedInPlace.MatchString(a.text) || sedWrite.MatchString(a.text) }
	case "awk", "mawk", "gawk": // a comparison looks the same
		writes = func(a value) bool { return strings.ContainsAny(a.text, ">|") || strings.Contains(a.text, "system") }
	case "sort":
		writes = func(a value) bool { return strings.HasPrefix(a.text, "-o") || strings.HasPrefix(a.text, "--output") }
	case "date":
		writes = func(a value) bool { return strings.HasPrefix(a.text, "-s") || strings.HasPrefix(a.text, "--set") }
	case "hostname":
		writes = func(a value) bool { return !strings.HasPrefix(a.text, "-") }
	case "find":
		writes = func(a value) bool {
			return a.text == "-delete" || strings.HasPrefix(a.text, "-exec") || strings.HasPrefix(a.text, "-ok") || strings.HasPrefix(a.text, "-fprint") || a.text == "-fls"
		}
	case "tee":
		writes = func(a value) bool { return !strings.HasPrefix(a.text, "-") && !(a.known && lost(a.text)) }
	case "xargs":
		i := slices.IndexFunc(args, func(a value) bool { return !strings.HasPrefix(a.text, "-") })
		if i < 0 {
			return true
		}
		r, ok := w.rule(args[i:])
		return ok && r.nothing
	}
	return !slices.ContainsFunc(args, writes)
}

// files judges programs that make, change or remove files, by where those are.
func (w *walker) files(name string, args []value) (rule, bool) {
	targets, ok := operands(name, args)
	if !ok || len(targets) == 0 {
		return rule{}, false
	}
	all := func(is func(p string) bool) bool {
		return !slices.ContainsFunc(targets, func(t value) bool { return !t.known || !path.IsAbs(t.text) || !is(t.text) })
	}
	missing := func(p string) bool { return !strings.ContainsAny(p, "*?[") && !w.has(p) }
	switch {
	case all(lost):
		return tempfiles, true
	case all(documentation):
		return reading, true
	case all(func(p string) bool { return below(path.Clean(p), "/etc/apparmor.d") }) && missing("/usr/sbin/apparmor_parser"):
		return apparmor, true
	case (name == "rm" || name == "rmdir") && all(missing):
		return gone, true
	case name == "mkdir" && all(w.has):
		return there, true
	case name == "mv" && targets[0].known && strings.HasSuffix(targets[0].text, ".dpkg-bak"):
		return older, true
	}
	return rule{}, false
}

// operands are the files that a program changes.
func operands(name string, args []value) (files []value, ok bool) {
	withValue := map[string]string{"mkdir": "-m", "install": "-m -o -g"}[name]
	options := true
	for i := 0; i < len(args); i++ {
		a := args[i].text
		switch {
		case !options || !strings.HasPrefix(a, "-"):
			files = append(files, args[i])
		case a == "--":
			options = false
		case strings.HasPrefix(a, "-t") || strings.HasPrefix(a, "--target"):
			return nil, false
		case slices.Contains(strings.Fields(withValue), a):
			i++
		}
	}
	directories := name == "install" && slices.Contains(args, known("-d"))
	switch {
	case len(files) == 0:
		return nil, false
	case name == "chown" || name == "chgrp" || name == "chmod":
		return files[1:], true
	case name == "cp" || name == "ln" || name == "install" && !directories:
		return files[len(files)-1:], true
	}
	return files, true
}

// shorten leaves out what would make a text long and means nothing to an image:
// manual pages that go with an alternative.
func shorten(args []value) []value {
	if path.Base(args[0].text) != "update-alternatives" {
		return args
	}
	var short []value
	for i := 0; i < len(args); i++ {
		if args[i].text == "--slave" && i+3 < len(args) && documentation(args[i+1].text) {
			i += 3
			continue
		}
		short = append(short, args[i])
	}
	return short
}

func set(words string) map[string]bool {
	s := map[string]bool{}
	for _, word := range strings.Fields(words) {
		s[word] = true
	}
	return s
}
