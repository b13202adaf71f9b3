package main

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

type module struct {
	path     string
	required bool
}

// parseModules reads "required PATH" and "optional PATH" lines; the order of
// the lines is the order of loading.
func parseModules(text string) ([]module, error) {
	var modules []module
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" {
			continue
		}
		how, path, _ := strings.Cut(line, " ")
		if how != "required" && how != "optional" || !strings.HasPrefix(path, "/") {
			return nil, errors.New("bad line " + strconv.Quote(line))
		}
		modules = append(modules, module{path, how == "required"})
	}
	return modules, nil
}

func loadModules(list string) error {
	text, err := os.ReadFile(list)
	if err != nil {
		return wrap("read list of modules", err)
	}
	modules, err := parseModules(string(text))
	if err != nil {
		return wrap("read list of modules "+list, err)
	}
	loaded := 0
	for _, m := range modules {
		err := loadModule(m.path)
		switch {
		case err == nil:
			loaded++
		case m.required:
			return wrap("load module "+m.path, err)
		case err != syscall.ENODEV && err != syscall.ENOENT:
			// Those two are a driver whose hardware is not there, and one
			// that lacks the symbols of such a driver: Hyper-V's disks
			// anywhere else.
			say("load module " + m.path + ": " + err.Error())
		}
	}
	say(strconv.Itoa(loaded) + " of " + strconv.Itoa(len(modules)) + " modules loaded")
	return nil
}

func loadModule(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var parameters [1]byte // an empty string
	_, _, errno := syscall.Syscall(sysFinitModule, f.Fd(), uintptr(unsafe.Pointer(&parameters)), 0)
	if errno != 0 && errno != syscall.EEXIST {
		return errno
	}
	return nil
}
